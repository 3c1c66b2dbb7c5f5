"""File formats of results: names, media types, and what each can store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

ResultFormat = Literal["png", "tiff", "jpeg", "webp"]


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """File format of a picture.

    Attributes:
        extension: Extension of file names, with its dot.
        media_type: Media type for HTTP.
        bit_depths: Bits per channel that it can store.
        supports_alpha: Whether it can store transparency.
    """

    extension: str
    media_type: str
    bit_depths: tuple[int, ...]
    supports_alpha: bool


FORMATS: dict[ResultFormat, ImageFormat] = {
    "png": ImageFormat(".png", "image/png", (8, 16), supports_alpha=True),
    "tiff": ImageFormat(".tiff", "image/tiff", (8, 16), supports_alpha=True),
    "jpeg": ImageFormat(".jpg", "image/jpeg", (8,), supports_alpha=False),
    "webp": ImageFormat(".webp", "image/webp", (8,), supports_alpha=True),
}


def require_bit_depth(name: ResultFormat, bit_depth: int) -> None:
    """Check that a format can store a number of bits per channel.

    Raises:
        ValueError: The format cannot; the message names the formats that can.
    """
    if bit_depth not in FORMATS[name].bit_depths:
        able = " or ".join(
            other
            for other, format_ in FORMATS.items()
            if bit_depth in format_.bit_depths
        )
        raise ValueError(f"{name} holds no {bit_depth} bits; use format {able}")


def format_of_key(key: str) -> ImageFormat:
    """Return the format of a stored result by the extension of its key.

    Raises:
        ValueError: No format has this extension.
    """
    extension = PurePosixPath(key).suffix
    for format_ in FORMATS.values():
        if format_.extension == extension:
            return format_
    raise ValueError(f"no result ends with {extension!r}: {key}")
