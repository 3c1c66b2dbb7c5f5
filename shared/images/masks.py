"""Pictures that say where: bright is inside, dark outside.

A mask is the brightness of its picture (Rec. 601), transparency laid on black: white
strokes on nothing mean what they look like.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageChops

from shared.images.inspect import decode

if TYPE_CHECKING:
    from collections.abc import Iterable

# Gray levels that count as black: JPEG never gives the blackest black back.
_BLACK_UP_TO = 8
_SAME_SHAPE = 0.01  # how far two aspect ratios may differ
_THUMBNAIL_PX = 256


def brightness(data: bytes) -> Image.Image:
    """Decode a mask that `images.inspect` has accepted, into mode L.

    Raises:
        ImageUnreadable: The bytes are not a whole picture.
    """
    return decode(data, ground="black").convert("L")


def is_empty(mask: Image.Image) -> bool:
    """Whether no pixel of a mask (mode L) is brighter than nearly black."""
    return not any(mask.histogram()[_BLACK_UP_TO + 1 :])


def have_same_shape(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two pictures (width, height) have one shape, whatever their sizes.

    Their aspect ratios may differ by 1 %, or by what rounding the smaller picture to
    whole pixels does.
    """
    (width, height), (larger_width, larger_height) = sorted((size, other))
    wide, high = width / larger_width, height / larger_height
    off_px = abs(wide - high) * min(larger_width, larger_height)
    return off_px <= 1 or abs(wide - high) <= _SAME_SHAPE * max(wide, high)


def thumbnail(mask: Image.Image) -> Image.Image:
    """Shrink a mask to a square, in which masks of one shape can be compared."""
    return mask.resize((_THUMBNAIL_PX, _THUMBNAIL_PX), Image.Resampling.BOX)


def leave_nothing(thumbnails: Iterable[Image.Image]) -> bool:
    """Whether masks, as `thumbnail` makes them, together cover the whole picture."""
    left = Image.new("L", (_THUMBNAIL_PX, _THUMBNAIL_PX), "white")
    for each in thumbnails:
        left = ImageChops.subtract(left, each)  # never below 0
    return is_empty(left)
