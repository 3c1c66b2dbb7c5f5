"""The formats a result may have: what each is called, and what it can hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

ResultFormat = Literal["png", "tiff", "jpeg", "webp"]


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a picture.

    Attributes:
        ending: Of file names, with its dot.
        media_type: For HTTP.
        bit_depths: Bits per channel that it can hold.
        transparent: Whether it can hold transparency.
    """

    ending: str
    media_type: str
    bit_depths: tuple[int, ...]
    transparent: bool


FORMATS: dict[ResultFormat, Format] = {
    "png": Format(".png", "image/png", (8, 16), transparent=True),
    "tiff": Format(".tiff", "image/tiff", (8, 16), transparent=True),
    "jpeg": Format(".jpg", "image/jpeg", (8,), transparent=False),
    "webp": Format(".webp", "image/webp", (8,), transparent=True),
}


def require_depth(name: ResultFormat, bit_depth: int) -> None:
    """Check that a format holds so many bits per channel.

    Raises:
        ValueError: It does not; those that do are named.
    """
    if bit_depth not in FORMATS[name].bit_depths:
        able = " or ".join(
            each for each, one in FORMATS.items() if bit_depth in one.bit_depths
        )
        raise ValueError(f"{name} holds no {bit_depth} bits; use format {able}")


def format_of_key(key: str) -> Format:
    """Tell from the key of a stored result what was written there.

    Raises:
        ValueError: No result ends like that.
    """
    ending = PurePosixPath(key).suffix
    for one in FORMATS.values():
        if one.ending == ending:
            return one
    raise ValueError(f"no result ends with {ending!r}: {key}")
