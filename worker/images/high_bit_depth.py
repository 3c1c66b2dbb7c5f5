"""Reader of PNG and TIFF of 16 bits per channel, at full depth.

Pillow has no mode for colors of 16 bits: it keeps the upper byte of each. But it also
knows files of the other byte order, whose upper byte is the lower one of ours. So it
decodes twice, and numpy puts the bytes together: docs/adr/0011-sixteen-bits.md.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import ExifTags

from shared.images.decode import apply_orientation, open_image, require_still_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from PIL import ImageFile

    Levels = NDArray[np.uint16]

MAX_LEVEL = 65535
_LAYOUTS = ("RGB;16", "RGBX;16", "RGBA;16", "RGBa;16")  # RGBa: times its alpha
_IN_PLANES = ("RGB", "RGBA")
_SWAPPED_ORDER = {"L": "B", "B": "L"}
_NATIVE_ORDER = "L" if sys.byteorder == "little" else "B"
_SEPARATE = 2  # planar configuration: a plane per channel
_WHITE_IS_ZERO = 0  # photometric interpretation
_TWELVE_BITS, _MAX_OF_TWELVE = (12,), 4095


@dataclass(frozen=True, slots=True)
class HighBitDepthImage:
    """Picture of 16 bits per channel, upright, in its own color profile.

    Attributes:
        levels: Levels of shape (H, W, 3), or (H, W, 1) for gray.
        alpha: Alpha of shape (H, W), or None if nothing is transparent.
        profile: ICC profile of the file, or None.
    """

    levels: Levels
    alpha: Levels | None
    profile: bytes | None


def decode_high_bit_depth(data: bytes) -> HighBitDepthImage | None:
    """Decode a picture that `inspect` has accepted, if it has 16 bits per channel.

    Returns:
        None if it has not, or if Pillow cannot reach the lower eight: compressed TIFF
        with a plane per channel, and CMYK.

    Raises:
        ImageUnreadable: The bytes are not a whole picture.
    """
    with open_image(data) as image:
        require_still_image(image)
        if not image.tile:
            return None
        if image.mode.startswith("I;16"):
            return _gray(image)
        if image.format == "PNG" and image.tile[0].args == "LA;16B":
            return _gray_with_alpha(image)
        layout = _layout(image)
    return None if layout is None else _color(data, *layout)


def _gray(image: ImageFile.ImageFile) -> HighBitDepthImage:
    tags = _tags(image)
    levels = _levels(image)
    if tags.get(ExifTags.Base.BitsPerSample) == _TWELVE_BITS:
        levels = (levels.astype(np.uint32) * MAX_LEVEL // _MAX_OF_TWELVE).astype("u2")
    if tags.get(ExifTags.Base.PhotometricInterpretation) == _WHITE_IS_ZERO:
        levels = MAX_LEVEL - levels
    levels = levels[..., None]
    return HighBitDepthImage(
        levels, _color_key_alpha(image, levels), image.info.get("icc_profile")
    )


def _gray_with_alpha(image: ImageFile.ImageFile) -> HighBitDepthImage:
    # Four bytes per pixel: read as RGBA, none is lost.
    _set_rawmode(image, lambda _: "RGBA")
    level, alpha = np.moveaxis(_levels(image).view(">u2"), -1, 0)
    return HighBitDepthImage(
        level[..., None].astype("u2"), alpha.astype("u2"), image.info.get("icc_profile")
    )


def _layout(image: ImageFile.ImageFile) -> tuple[str, str] | None:
    """Return the order of channels and of bytes; None if they do not have 16 bits."""
    tile, tags = image.tile[0], _tags(image)
    rawmode = str(tile.args[0] if isinstance(tile.args, tuple) else tile.args)
    if tags.get(ExifTags.Base.PlanarConfiguration) == _SEPARATE:
        # Pillow would take 16-bit planes that are not compressed for 8-bit ones.
        bits = set(tags.get(ExifTags.Base.BitsPerSample, ()))
        if tile.codec_name != "raw" or bits != {16} or image.mode not in _IN_PLANES:
            return None
        return "planes", "B" if tags.prefix == b"MM" else "L"
    channels, order = rawmode[:-1], rawmode[-1:]
    if channels not in _LAYOUTS:
        return None
    return channels, _NATIVE_ORDER if order == "N" else order  # N: libtiff swaps


def _color(data: bytes, channels: str, order: str) -> HighBitDepthImage:
    upper = _decode_bytes(data, channels, order)
    lower = _decode_bytes(data, channels, _SWAPPED_ORDER[order])
    pixels, image = upper[0].astype(np.uint16), upper[1]
    pixels <<= 8
    pixels |= lower[0]
    profile = image.info.get("icc_profile")
    if pixels.shape[2] == len("RGB"):
        return HighBitDepthImage(pixels, _color_key_alpha(image, pixels), profile)
    levels, alpha = pixels[..., :3], pixels[..., 3]
    if channels == "RGBa;16":
        levels = _unpremultiplied(levels, alpha)
    return HighBitDepthImage(levels, alpha, profile)


def _decode_bytes(
    data: bytes, channels: str, order: str
) -> tuple[NDArray[np.uint8], ImageFile.ImageFile]:
    """Decode one byte of each number: the upper one, if `order` is that of the file."""
    with open_image(data) as image:
        if channels == "planes":
            _set_rawmode(image, lambda plane: f"{plane};16{order}")
        else:
            _set_rawmode(image, lambda _: channels.upper() + order)
        return _levels(image), image


def _set_rawmode(image: ImageFile.ImageFile, rawmode: Callable[[str], str]) -> None:
    """Have Pillow read the bytes as if they were laid out in another way."""
    tiles = []
    for tile in image.tile:
        if isinstance(tile.args, tuple):
            args: Any = (rawmode(tile.args[0]), *tile.args[1:])
        else:
            args = rawmode(str(tile.args))
        tiles.append(tile._replace(args=args))
    image.tile = tiles


def _levels(image: ImageFile.ImageFile) -> NDArray[Any]:
    image.load()
    levels = np.asarray(apply_orientation(image))
    return levels.astype("u2") if levels.dtype.itemsize > 1 else levels


def _tags(image: ImageFile.ImageFile) -> Any:
    return getattr(image, "tag_v2", {})


def _color_key_alpha(image: ImageFile.ImageFile, levels: Levels) -> Levels | None:
    """Return the alpha of a PNG that names one transparent color."""
    key = image.info.get("transparency")
    if image.format != "PNG" or key is None:
        return None
    is_opaque: NDArray[np.bool_] = (levels != np.array(key, np.uint16)).any(axis=-1)
    return np.where(is_opaque, np.uint16(MAX_LEVEL), np.uint16(0))


def _unpremultiplied(levels: Levels, alpha: Levels) -> Levels:
    """Undo a multiplication by alpha."""
    share = np.maximum(alpha, 1).astype(np.float32)[..., None] / MAX_LEVEL
    return np.minimum(np.rint(levels / share), MAX_LEVEL).astype(np.uint16)
