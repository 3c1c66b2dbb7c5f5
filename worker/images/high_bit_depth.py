"""Reader of PNG and TIFF files of 16 bits per channel, at full depth.

Pillow has no mode for colors of 16 bits: it reads only the upper byte of each. So
Pillow checks the header, and libvips decodes: docs/adr/0046-libraries.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyvips
from PIL import ExifTags

from shared.images.decode import apply_orientation, open_image, require_still_image

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import ImageFile

    Levels = NDArray[np.uint16]

MAX_LEVEL = 65535
pyvips.cache_set_max(0)  # a cache is useless: no picture is decoded twice

_LOADERS = {
    "PNG": pyvips.Image.pngload_buffer,
    "TIFF": pyvips.Image.tiffload_buffer,
}
_COLOR_CHANNELS = {"grey16": 1, "rgb16": 3}
_ALPHA = {(1,), (2,)}  # premultiplied (libvips divides by it) or not
_WHITE_IS_ZERO = 0  # value of the tag for photometric interpretation
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
        The picture; None if it has fewer bits, is CMYK, or cannot be decoded by
        libvips. Pillow then decodes it at 8 bits, or raises an error.

    Raises:
        ImageUnreadable: The bytes are not a picture.
    """
    with open_image(data) as image:
        require_still_image(image)
        if image.format not in _LOADERS:
            return None
        if _tag(image, ExifTags.Base.BitsPerSample) == _TWELVE_BITS:
            return _twelve_bits(image)
        try:
            return _decode(_LOADERS[image.format](data, fail_on="error"), image)
        except pyvips.Error:
            return None


def _decode(
    decoded: pyvips.Image, header: ImageFile.ImageFile
) -> HighBitDepthImage | None:
    colors = _COLOR_CHANNELS.get(decoded.interpretation, 0)
    if decoded.format != "ushort" or decoded.bands not in {colors, colors + 1}:
        return None
    extra = _tag(header, ExifTags.Base.ExtraSamples)
    decoded = decoded.autorot()
    pixels = decoded.numpy().reshape(decoded.height, decoded.width, decoded.bands)
    has_alpha = decoded.bands > colors and (header.format == "PNG" or extra in _ALPHA)
    return HighBitDepthImage(
        pixels[..., :colors],
        pixels[..., colors] if has_alpha else None,
        header.info.get("icc_profile"),
    )


def _twelve_bits(image: ImageFile.ImageFile) -> HighBitDepthImage:
    """Decode gray of 12 bits, which Pillow can and libvips cannot."""
    image.load()
    levels = np.asarray(apply_orientation(image)).astype(np.uint32)[..., None]
    levels = levels * MAX_LEVEL // _MAX_OF_TWELVE
    if _tag(image, ExifTags.Base.PhotometricInterpretation) == _WHITE_IS_ZERO:
        levels = MAX_LEVEL - levels
    profile = image.info.get("icc_profile")
    return HighBitDepthImage(levels.astype(np.uint16), None, profile)


def _tag(image: ImageFile.ImageFile, tag: int) -> Any:
    """Return the value of a TIFF tag; None for PNG and without this tag."""
    return getattr(image, "tag_v2", {}).get(tag)
