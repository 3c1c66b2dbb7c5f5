"""Input pictures of the benchmark, and the contact sheet of the results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageOps

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_CAPTION_PX = 18
_GAP_PX = 6
_COLUMNS = 2


def prepare_inputs(
    photo: Path, painting: Path, edge: int, folder: Path
) -> tuple[Path, Path]:
    """Resize both pictures to the size of the result, the same for every engine.

    The painting is cropped to the photo's shape, since the tutorial needs the same
    shape. So the engines do not resample, which would change their targets.

    Args:
        photo: File of the content.
        painting: File of the style.
        edge: Long side of the result, px.
        folder: Folder for the two files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content, style = (Image.open(path).convert("RGB") for path in (photo, painting))
    scale = edge / max(content.size)
    size = (round(content.width * scale), round(content.height * scale))
    paths = folder / f"photo-{edge}.png", folder / f"painting-{edge}.png"
    content.resize(size, Image.Resampling.BICUBIC).save(paths[0])
    ImageOps.fit(style, size, Image.Resampling.BICUBIC).save(paths[1])
    return paths


def save_sheet(pictures: Sequence[tuple[str, Path]], path: Path) -> None:
    """Save pictures of one size side by side, each with its caption above."""
    opened = [(caption, Image.open(each).convert("RGB")) for caption, each in pictures]
    width, height = opened[0][1].size
    rows = -(-len(opened) // _COLUMNS)
    cell = width + _GAP_PX, height + _GAP_PX + _CAPTION_PX
    laid = Image.new("RGB", (cell[0] * _COLUMNS, cell[1] * rows), "white")
    pen = ImageDraw.Draw(laid)
    for index, (caption, picture) in enumerate(opened):
        row, column = divmod(index, _COLUMNS)
        left, top = column * cell[0], row * cell[1]
        pen.text((left + 2, top + 2), caption, fill="black")
        laid.paste(picture, (left, top + _CAPTION_PX))
    laid.save(path, quality=90)
