"""Three pictures side by side: content, style, generated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageOps

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_HEIGHT_PX = 360
_GAP_PX = 8


def save_triptych(pictures: Sequence[Path], path: Path) -> Path:
    """Scale the pictures to one height, put them in a row on white, and save it."""
    panels = [_panel(picture) for picture in pictures]
    width = sum(panel.width for panel in panels) + _GAP_PX * (len(panels) - 1)
    canvas = Image.new("RGB", (width, _HEIGHT_PX), "white")
    left = 0
    for panel in panels:
        canvas.paste(panel, (left, 0))
        left += panel.width + _GAP_PX
    canvas.save(path, quality=92)
    return path


def _panel(path: Path) -> Image.Image:
    with Image.open(path) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    width = round(picture.width * _HEIGHT_PX / picture.height)
    return picture.resize((width, _HEIGHT_PX), Image.Resampling.LANCZOS)
