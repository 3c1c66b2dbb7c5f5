"""Shipped photos and paintings, for first pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from flask import Blueprint, Response, send_file
from PIL import Image, ImageOps

from shared.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = Path(__file__).resolve().parents[2] / "samples"
THUMBNAIL_PX = 112  # twice the shown size, for dense screens
_QUALITY = 40
_MAX_AGE_SECONDS = 86_400

blueprint = Blueprint("samples", __name__)


@dataclass(frozen=True, slots=True)
class Sample:
    """A shipped picture.

    Attributes:
        file: Name of the file; samples/README.md has its source.
        title: Short description of the picture.
        role: Use of the picture.
        credit: Credit that the license requires, or "".
    """

    file: str
    title: str
    role: Literal["content", "style"]
    credit: str = ""


SAMPLES: Sequence[Sample] = (
    Sample(
        "tubingen.jpg",
        "Tübingen",
        "content",
        "Tübingen: photo by Andreas Praefcke, CC BY 3.0, made smaller.",
    ),
    Sample("chelsea.jpg", "Cat", "content"),
    Sample("coffee.jpg", "Coffee", "content"),
    Sample("starry_night.jpg", "The Starry Night", "style"),
    Sample("strokes.jpg", "Thick oil paint", "style"),
    Sample("waves.jpg", "Woodcut of the sea", "style"),
    Sample("mosaic.jpg", "Mosaic", "style"),
)
_FILES = {sample.file for sample in SAMPLES}


@blueprint.get("/samples/<file>")
def show_sample(file: str) -> Response:
    """Send a shipped picture."""
    return send_file(_path(file), max_age=_MAX_AGE_SECONDS)


@blueprint.get("/samples/<file>/thumb")
def show_thumbnail(file: str) -> Response:
    """Send the small square version of a shipped picture."""
    data = BytesIO(_thumbnail(_path(file)))
    return send_file(data, "image/webp", max_age=_MAX_AGE_SECONDS)


def _path(file: str) -> Path:
    if file not in _FILES:
        raise NotFound("there is no sample of this name")
    return FOLDER / file


@cache
def _thumbnail(path: Path) -> bytes:
    """Return the middle square of a picture as WebP, 1 to 5 kB."""
    buffer = BytesIO()
    with Image.open(path) as image:
        square = ImageOps.fit(image.convert("RGB"), (THUMBNAIL_PX, THUMBNAIL_PX))
    square.save(buffer, "WEBP", quality=_QUALITY, method=6)
    return buffer.getvalue()
