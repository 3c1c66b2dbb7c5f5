"""A grid of jobs that differ in two parameters, and their pictures as one sheet."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from impasto.cli.render import outcome
from impasto.client.outcomes import raise_for_state
from impasto.errors import CannotSave, ImpastoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from impasto.client.jobs import Jobs
    from impasto.client.uploads import Painting

Cell = tuple[str, float]  # content layer, style weight

_KINDS = {"PNG", "JPEG", "WEBP", "TIFF", "BMP", "PDF"}  # which hold colors

_PANEL_PX = 320  # longest side of a picture on the sheet
_GAP_PX = 6
_LABEL_PX, _MARGIN_PX = 26, 12
_FONT_PX = 15
_INK, _PAPER = (30, 30, 30), (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Grid:
    """What is to be painted: a row per content layer, a column per style weight.

    Attributes:
        style: The painting, perhaps with masks.
        params: Of every job, besides the two that the grid sets.
        name: What the names of the jobs begin with.
        init_image: What every job starts from, if not from the photo or noise.
        segments: Changes planned for mid-run, of every job.
    """

    photo: Path
    style: Path | Painting
    layers: Sequence[str]
    style_weights: Sequence[float]
    params: Mapping[str, object]
    name: str | None = None
    init_image: Path | None = None
    segments: Sequence[Mapping[str, object]] = ()

    @property
    def cells(self) -> list[Cell]:
        """All of them, row by row."""
        return [
            (layer, weight) for layer in self.layers for weight in self.style_weights
        ]

    @property
    def alpha(self) -> float:
        """The content weight of every job; the server's default is 1."""
        return float(str(self.params.get("content_weight", 1)))


def paint(
    jobs: Jobs, grid: Grid, say: Callable[[str], None]
) -> dict[Cell, Image.Image]:
    """Submit a job per cell, wait for all, and return their pictures.

    Whatever ends it early, an error or Ctrl-C, cancels the jobs that are not over.

    Args:
        jobs: Of the server.
        grid: What to paint.
        say: Takes a line of progress.

    Raises:
        JobFailed: A job ended without a picture.
        ApiError: The server does not take a job.
    """
    waiting: dict[str, Cell] = {}
    pictures = {}
    with _canceled_unless_over(jobs, waiting):
        for cell in grid.cells:
            waiting[_submit(jobs, grid, cell)] = cell
        say(f"sheet: submitted {len(waiting)} jobs")
        for done, (job_id, cell) in enumerate(list(waiting.items()), 1):
            job = jobs.wait(job_id)
            raise_for_state(job)
            pictures[cell] = _picture(jobs, job_id)
            del waiting[job_id]
            layer, weight = cell
            named = f"{layer}, style_weight {weight:g}"
            say(f"sheet: {done} of {len(grid.cells)}: {named}: {outcome(job)}")
    return pictures


def require_ending(path: Path) -> None:
    """Check that a picture can be saved under this name, before any is painted.

    Raises:
        CannotSave: No kind of picture has this ending.
    """
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind not in _KINDS:
        raise CannotSave(f"cannot save {path}: use an ending like .png or .jpg")


def save_grid(grid: Grid, pictures: Mapping[Cell, Image.Image], path: Path) -> Path:
    """Lay the pictures out with their labels, and save the sheet.

    Raises:
        CannotSave: The file system says no.
    """
    try:
        _draw(grid, pictures).save(path)
    except OSError as error:
        raise CannotSave(f"cannot save {path}: {error}") from error
    return path


@contextmanager
def _canceled_unless_over(jobs: Jobs, waiting: Mapping[str, Cell]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for job_id in waiting:
            with suppress(ImpastoError):  # it is over, or the server is away
                jobs.cancel(job_id)
        raise


def _submit(jobs: Jobs, grid: Grid, cell: Cell) -> str:
    layer, weight = cell
    ours = {"content_layers": {layer: 1.0}, "style_weight": weight}
    return jobs.submit(
        grid.photo,
        [grid.style],
        params={**grid.params, **ours},
        name=f"{grid.name or 'sheet'}: {layer}, style_weight {weight:g}",
        init_image=grid.init_image,
        segments=grid.segments,
    ).id


def _picture(jobs: Jobs, job_id: str) -> Image.Image:
    with tempfile.TemporaryDirectory() as folder:
        path = jobs.download(job_id, Path(folder) / "result.png")
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
    picture.thumbnail((_PANEL_PX, _PANEL_PX), Image.Resampling.LANCZOS)
    return picture


def _draw(grid: Grid, pictures: Mapping[Cell, Image.Image]) -> Image.Image:
    font = ImageFont.load_default(_FONT_PX)
    left = _MARGIN_PX + round(max(map(font.getlength, grid.layers))) + _MARGIN_PX
    labels = [_labels(grid.alpha, weight) for weight in grid.style_weights]
    label_px = max(font.getlength(line) for lines in labels for line in lines)
    widest, tallest = (
        max(picture.size[axis] for picture in pictures.values()) for axis in (0, 1)
    )
    width = max(widest, round(label_px)) + _GAP_PX
    height = max(tallest, _LABEL_PX) + _GAP_PX
    top = 2 * _LABEL_PX
    across, down = len(grid.style_weights), len(grid.layers)
    size = (left + across * width + _MARGIN_PX, top + down * height + _MARGIN_PX)
    canvas = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(canvas)
    for column, lines in enumerate(labels):
        for line, y in zip(lines, (6, _LABEL_PX), strict=True):
            draw.text((left + column * width, y), line, _INK, font)
    for row, layer in enumerate(grid.layers):
        middle = top + row * height + height // 2
        draw.text((_MARGIN_PX, middle), layer, _INK, font, anchor="lm")
        for column, weight in enumerate(grid.style_weights):
            corner = (left + column * width, top + row * height)
            canvas.paste(pictures[layer, weight], corner)
    return canvas


def _labels(alpha: float, beta: float) -> tuple[str, str]:
    ratio = f"alpha/beta {alpha / beta:.3g}" if beta else "no style"
    return f"style_weight {beta:g}", ratio
