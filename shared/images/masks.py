"""Masks: pictures that mark a region by bright pixels.

A mask is the brightness of its picture (Rec. 601), on a black background. So white
strokes on a transparent picture are a mask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageChops

from shared.images.inspect import decode_rgb

if TYPE_CHECKING:
    from collections.abc import Iterable

# Gray levels that count as black: JPEG does not preserve black exactly.
_MAX_BLACK = 8
_ASPECT_TOLERANCE = 0.01  # relative difference of two aspect ratios
THUMBNAIL_SIZE = (256, 256)


def decode_mask(data: bytes) -> Image.Image:
    """Decode a mask that `inspect_image` has accepted, in mode L.

    Raises:
        ImageUnreadable: The file is damaged.
    """
    return decode_rgb(data, background="black").convert("L")


def is_empty(mask: Image.Image) -> bool:
    """Return whether no pixel of a mask (mode L) is brighter than nearly black."""
    return not any(mask.histogram()[_MAX_BLACK + 1 :])


def have_same_aspect_ratio(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Return whether two sizes (width, height) have the same aspect ratio.

    They may differ by 1 %, or by the rounding of the smaller picture to whole pixels.
    """
    (width, height), (larger_width, larger_height) = sorted((size, other))
    x_ratio, y_ratio = width / larger_width, height / larger_height
    difference = abs(x_ratio - y_ratio)
    off_px = difference * min(larger_width, larger_height)
    return off_px <= 1 or difference <= _ASPECT_TOLERANCE * max(x_ratio, y_ratio)


def mask_thumbnail(mask: Image.Image) -> Image.Image:
    """Shrink a mask to a square, to compare masks of one aspect ratio."""
    return mask.resize(THUMBNAIL_SIZE, Image.Resampling.BOX)


def cover_everything(thumbnails: Iterable[Image.Image]) -> bool:
    """Return whether masks, shrunk by `mask_thumbnail`, cover the whole picture."""
    uncovered = Image.new("L", THUMBNAIL_SIZE, "white")
    for thumbnail in thumbnails:
        uncovered = ImageChops.subtract(uncovered, thumbnail)  # clipped at 0
    return is_empty(uncovered)
