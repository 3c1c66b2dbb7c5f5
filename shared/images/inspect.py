"""Validation of uploaded pictures, and their conversion to 8-bit sRGB."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageCms

from shared.errors import ImageTooLarge, ImageUnreadable
from shared.images.decode import (
    MEDIA_TYPES,
    SCALE_DOWN_HINT,
    apply_orientation,
    exif_orientation,
    open_image,
    require_still_image,
)

MIN_EDGE_PX = 16  # minimum for the deepest layers of the networks
MAX_ASPECT = 8  # longer pictures would be too narrow at small scales

# Target modes of Pillow's modes before color conversion; RGB for others.
_REDUCED_MODES = {"CMYK": "CMYK", **dict.fromkeys(("1", "L", "LA"), "L")}
_SIXTEEN_BIT_MODE = "I;16"
_WHITE = 255
_ROTATED_ORIENTATIONS = {5, 6, 7, 8}  # EXIF orientations that swap width and height


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """Media type and upright size of an accepted picture."""

    media_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """Decoded picture, upright.

    Attributes:
        colors: Colors in sRGB, mode RGB, on the background color.
        alpha: Transparency, mode L; None if the picture has none.
        icc_profile: ICC profile embedded in the file, unchanged; None without one.
    """

    colors: Image.Image
    alpha: Image.Image | None
    icc_profile: bytes | None


def inspect_image(data: bytes, max_pixels: int) -> ImageInfo:
    """Validate a picture: first its header, then the data of all pixels.

    Raises:
        ImageTooLarge: The header announces more than `max_pixels`.
        ImageUnreadable: The format is not supported, or the file is damaged.
    """
    with open_image(data) as image:
        _check_size(image, max_pixels)
        require_still_image(image)
        width, height = image.size
        image.draft(None, (1, 1))  # JPEG: reads all bytes, decodes 1/64 of the pixels
        # Before the EXIF data are read, since Pillow then loads a PNG and ignores
        # damage.
        image.load()
        _check_visible(image)
        # Pillow rotates a TIFF itself; other formats need their EXIF orientation.
        if image.format != "TIFF" and exif_orientation(image) in _ROTATED_ORIENTATIONS:
            width, height = height, width
        return ImageInfo(MEDIA_TYPES[str(image.format)], width, height)


def decode_rgb(data: bytes, background: str = "white") -> Image.Image:
    """Decode the colors of a picture that `inspect_image` has accepted, in mode RGB.

    Raises:
        ImageUnreadable: The file is damaged.
    """
    return decode_with_alpha(data, background).colors


def decode_with_alpha(data: bytes, background: str = "white") -> DecodedImage:
    """Decode a picture that `inspect_image` has accepted, with alpha and ICC profile.

    The picture is rotated by its EXIF orientation and converted by its color profile to
    sRGB. 16-bit and CMYK pictures become 8-bit RGB. Transparent pixels get the color
    `background`.

    Raises:
        ImageUnreadable: The file is damaged.
    """
    with open_image(data) as image:
        require_still_image(image)
        image.load()
        profile = image.info.get("icc_profile")
        oriented = apply_orientation(image)
        alpha = _alpha_channel(oriented)
        colors = convert_to_srgb(_reduce_mode(oriented), profile)
    if alpha is None:
        return DecodedImage(colors, None, profile)
    composed = Image.new("RGB", colors.size, background)
    composed.paste(colors, mask=alpha)
    return DecodedImage(composed, alpha, profile)


def _check_size(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise ImageTooLarge(
            f"{width} x {height} is {width * height:,} pixels; at most {max_pixels:,}",
            hint=SCALE_DOWN_HINT,
        )
    short, long = sorted(image.size)
    if short < MIN_EDGE_PX:
        raise ImageUnreadable(
            f"{width} x {height} pixels: each side needs at least {MIN_EDGE_PX}"
        )
    if long > MAX_ASPECT * short:
        raise ImageUnreadable(
            f"{width} x {height} pixels: one side is more than {MAX_ASPECT} times "
            "the other",
            hint="crop the picture",
        )


def _check_visible(image: Image.Image) -> None:
    alpha = _alpha_channel(image)
    if alpha is not None and alpha.getextrema() == (0, 0):
        raise ImageUnreadable(
            "the picture is transparent everywhere",
            hint="export it without transparency, or on a color",
        )


def _alpha_channel(image: Image.Image) -> Image.Image | None:
    if image.mode.startswith(_SIXTEEN_BIT_MODE) or not image.has_transparency_data:
        return None
    transparent_color = image.info.get("transparency")
    if isinstance(transparent_color, tuple) and max(transparent_color) > _WHITE:
        return None  # a 16-bit color, which no 8-bit pixel has
    return _convert_mode(image, "RGBA").getchannel("A")


def _reduce_mode(image: Image.Image) -> Image.Image:
    if image.mode.startswith(_SIXTEEN_BIT_MODE):
        image = image.convert("I").point(lambda level: level * (1 / 256))
        return _convert_mode(image, "L")
    return _convert_mode(image, _REDUCED_MODES.get(image.mode, "RGB"))


def convert_to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert a picture of mode L, RGB or CMYK by its ICC profile, into mode RGB.

    A damaged profile, or one of another color space, is ignored.
    """
    if profile:
        try:
            converted = ImageCms.profileToProfile(
                image,
                ImageCms.ImageCmsProfile(BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode="RGB",
            )
        except (ImageCms.PyCMSError, OSError):
            converted = None  # a damaged profile, or one of another color space
        if converted is not None:
            return converted
    return _convert_mode(image, "RGB")


def _convert_mode(image: Image.Image, mode: str) -> Image.Image:
    # A conversion to the same mode would copy up to 200 MB.
    return image if image.mode == mode else image.convert(mode)
