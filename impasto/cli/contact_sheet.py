"""Contact sheet: pictures of a grid of jobs that differ in two parameters."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from impasto.cli.render import format_outcome
from impasto.errors import CannotSave, ImpastoError, raise_for_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from impasto.client.jobs import Jobs
    from impasto.client.params import Segment, StyleParams
    from impasto.client.uploads import StyleImage

Cell = tuple[str, float]  # content layer, style weight

_COLOR_FORMATS = {"PNG", "JPEG", "WEBP", "TIFF", "BMP", "PDF"}

_PANEL_PX = 320  # longest side of a picture on the sheet
_GAP_PX = 6
_LABEL_PX, _MARGIN_PX = 26, 12
_FONT_PX = 15
_TEXT_COLOR, _BACKGROUND = (30, 30, 30), (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Grid:
    """Grid of jobs: a row per content layer, a column per style weight.

    Attributes:
        photo: Path of the photo, or its bytes.
        style: Style image, with optional masks.
        layers: Content layers, one for each row.
        style_weights: Style weights, one for each column.
        params: Parameters of all jobs, without the two of the grid.
        name: Prefix of the names of the jobs.
        init_image: Picture from which all jobs start; None for photo or noise.
        content_labels: Label map of the photo.
        segments: Changes planned for the run of each job.
    """

    photo: Path | bytes
    style: Path | StyleImage
    layers: Sequence[str]
    style_weights: Sequence[float]
    params: StyleParams
    name: str | None = None
    init_image: Path | None = None
    content_labels: Path | None = None
    segments: Sequence[Segment] = ()

    @property
    def cells(self) -> list[Cell]:
        """All cells, row by row."""
        return [
            (layer, weight) for layer in self.layers for weight in self.style_weights
        ]

    @property
    def content_weight(self) -> float:
        """Content weight (alpha) of all jobs; the server's default is 1."""
        return float(str(self.params.get("content_weight", 1)))


def render_cells(
    jobs: Jobs, grid: Grid, report: Callable[[str], None]
) -> dict[Cell, Image.Image]:
    """Submit a job per cell, wait for all, and return their pictures.

    An error or Ctrl-C cancels the jobs that have not ended.

    Args:
        jobs: Jobs of the server.
        grid: Grid of jobs to submit.
        report: Function that takes a line of progress.

    Raises:
        JobFailed: A job ended without a picture.
        ApiError: The server refuses a job.
    """
    unfinished: dict[str, Cell] = {}
    pictures = {}
    with _cancel_unfinished(jobs, unfinished):
        for cell in grid.cells:
            unfinished[_submit(jobs, grid, cell)] = cell
        report(f"sheet: submitted {len(unfinished)} jobs")
        for done, (job_id, cell) in enumerate(list(unfinished.items()), 1):
            job = jobs.wait(job_id)
            raise_for_state(job)
            pictures[cell] = _download_picture(jobs, job_id)
            del unfinished[job_id]
            layer, weight = cell
            label = f"{layer}, style_weight {weight:g}"
            report(
                f"sheet: {done} of {len(grid.cells)}: {label}: {format_outcome(job)}"
            )
    return pictures


def require_image_extension(path: Path) -> None:
    """Check that a picture can be saved with this name, before any job is queued.

    Raises:
        CannotSave: No format for pictures in color has this extension.
    """
    image_format = Image.registered_extensions().get(path.suffix.lower())
    if image_format not in _COLOR_FORMATS:
        raise CannotSave(f"cannot save {path}: use an ending like .png or .jpg")


def save_contact_sheet(
    grid: Grid, pictures: Mapping[Cell, Image.Image], path: Path
) -> Path:
    """Lay the pictures out with their labels, and save the sheet.

    Raises:
        CannotSave: The file cannot be written.
    """
    try:
        _draw_sheet(grid, pictures).save(path)
    except OSError as error:
        raise CannotSave(f"cannot save {path}: {error}") from error
    return path


@contextmanager
def _cancel_unfinished(jobs: Jobs, unfinished: Mapping[str, Cell]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for job_id in unfinished:
            with suppress(ImpastoError):  # it has ended, or the server is unreachable
                jobs.cancel(job_id)
        raise


def _submit(jobs: Jobs, grid: Grid, cell: Cell) -> str:
    layer, weight = cell
    return jobs.submit(
        grid.photo,
        [grid.style],
        params={
            **grid.params,
            "content_layers": {layer: 1.0},
            "style_weight": weight,
        },
        name=f"{grid.name or 'sheet'}: {layer}, style_weight {weight:g}",
        init_image=grid.init_image,
        content_labels=grid.content_labels,
        segments=grid.segments,
    ).id


def _download_picture(jobs: Jobs, job_id: str) -> Image.Image:
    with tempfile.TemporaryDirectory() as folder:
        path = jobs.download(job_id, Path(folder) / "result.png")
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
    picture.thumbnail((_PANEL_PX, _PANEL_PX), Image.Resampling.LANCZOS)
    return picture


def _draw_sheet(grid: Grid, pictures: Mapping[Cell, Image.Image]) -> Image.Image:
    font = ImageFont.load_default(_FONT_PX)
    left = _MARGIN_PX + round(max(map(font.getlength, grid.layers))) + _MARGIN_PX
    labels = [
        _column_labels(grid.content_weight, weight) for weight in grid.style_weights
    ]
    label_px = max(font.getlength(line) for lines in labels for line in lines)
    widest, tallest = (
        max(picture.size[axis] for picture in pictures.values()) for axis in (0, 1)
    )
    width = max(widest, round(label_px)) + _GAP_PX
    height = max(tallest, _LABEL_PX) + _GAP_PX
    top = 2 * _LABEL_PX
    across, down = len(grid.style_weights), len(grid.layers)
    size = (left + across * width + _MARGIN_PX, top + down * height + _MARGIN_PX)
    canvas = Image.new("RGB", size, _BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    for column, lines in enumerate(labels):
        for line, y in zip(lines, (6, _LABEL_PX), strict=True):
            draw.text((left + column * width, y), line, _TEXT_COLOR, font)
    for row, layer in enumerate(grid.layers):
        middle = top + row * height + height // 2
        draw.text((_MARGIN_PX, middle), layer, _TEXT_COLOR, font, anchor="lm")
        for column, weight in enumerate(grid.style_weights):
            corner = (left + column * width, top + row * height)
            canvas.paste(pictures[layer, weight], corner)
    return canvas


def _column_labels(alpha: float, beta: float) -> tuple[str, str]:
    """Return the two lines above a column: the style weight, and the ratio."""
    ratio = f"alpha/beta {alpha / beta:.3g}" if beta else "no style"
    return f"style_weight {beta:g}", ratio
