"""Label maps: pictures in which each color stands for one thing, such as sky or hair.

A label is identified by its color. Transparent pixels become black, as in masks.
"""

from __future__ import annotations

from PIL import Image, ImageChops

from shared.errors import ImageUnreadable
from shared.images.inspect import decode_rgb

MAX_LABELS = 32
_HALF = 128  # of 255; minimum of bright levels


def decode_label_map(data: bytes) -> Image.Image:
    """Decode a label map that `inspect_image` has accepted, in mode RGB.

    Up to 32 colors are used as labels. A picture with more levels of gray is a soft
    mask, and becomes black and white at half brightness.

    Raises:
        ImageUnreadable: The map has more than 32 colors, or the file is damaged.
    """
    colors = decode_rgb(data, background="black")
    if colors.getcolors(MAX_LABELS) is not None:
        return colors
    red, green, blue = colors.split()
    if ImageChops.difference(red, green).getbbox() or (
        ImageChops.difference(red, blue).getbbox()
    ):
        raise ImageUnreadable(
            f"has more than {MAX_LABELS} colors, and each one is a label: save it "
            "without smoothing and not as JPEG, best as an indexed PNG"
        )
    return red.point([255 * (level >= _HALF) for level in range(256)]).convert("RGB")


def label_colors(label_map: Image.Image) -> list[str]:
    """Return the labels of a decoded map as #rrggbb, sorted."""
    counted = label_map.getcolors(MAX_LABELS) or []
    return sorted(
        f"#{bytes(color).hex()}" for _, color in counted if isinstance(color, tuple)
    )
