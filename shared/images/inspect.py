"""Take or refuse uploaded pictures, and make each one plain 8-bit sRGB."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageCms

from shared.errors import ImageTooLarge, ImageUnreadable
from shared.images.decode import (
    MEDIA_TYPES,
    SMALLER,
    check_kind,
    opened,
    orientation,
    upright,
)

MIN_EDGE_PX = 16  # below it the deepest layers of the networks see nothing
MAX_ASPECT = 8  # longer strips shrink to less than that at the small scales

# What Pillow's modes are reduced to before colors are converted; the others to RGB.
_COLORS = {"CMYK": "CMYK", **dict.fromkeys(("1", "L", "LA"), "L")}
_SIXTEEN_BITS = "I;16"
_WHITE = 255
_SIDEWAYS = {5, 6, 7, 8}  # EXIF orientations that swap width and height


@dataclass(frozen=True, slots=True)
class PictureInfo:
    """What an accepted picture is; width and height as people see it."""

    media_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded picture, upright.

    Attributes:
        colors: Mode RGB, in sRGB, on white.
        alpha: Mode L, its transparency; None where it has no such thing.
        profile: The ICC profile that it came with, as it was.
    """

    colors: Image.Image
    alpha: Image.Image | None
    profile: bytes | None


def inspect(data: bytes, max_pixels: int) -> PictureInfo:
    """Check a picture: its header first, then that every pixel of it can be read.

    Raises:
        ImageTooLarge: The header announces more than `max_pixels`.
        ImageUnreadable: It is no picture of a format we take, or not a whole one.
    """
    with opened(data) as image:
        _check_size(image, max_pixels)
        check_kind(image)
        width, height = image.size
        image.draft(None, (1, 1))  # JPEG: reads every byte, keeps 1/64 of the pixels
        # Before its EXIF data are asked for: Pillow then loads a PNG by itself, and
        # keeps quiet about damage.
        image.load()
        _check_visible(image)
        # TIFF turns itself upright; of the others the EXIF data has to be asked.
        if image.format != "TIFF" and orientation(image) in _SIDEWAYS:
            width, height = height, width
        return PictureInfo(MEDIA_TYPES[str(image.format)], width, height)


def decode(data: bytes, ground: str = "white") -> Image.Image:
    """Decode a picture that `inspect` has accepted, into mode RGB.

    As `decode_whole` does, and that for its colors only.

    Raises:
        ImageUnreadable: The bytes are not a whole picture.
    """
    return decode_whole(data, ground).colors


def decode_whole(data: bytes, ground: str = "white") -> Decoded:
    """Decode a picture that `inspect` has accepted, and keep what lies beside it.

    Upright by its EXIF orientation, converted from its color profile to sRGB, 16-bit
    and CMYK reduced, transparency laid on the color `ground`.

    Raises:
        ImageUnreadable: The bytes are not a whole picture.
    """
    with opened(data) as image:
        check_kind(image)
        image.load()
        profile = image.info.get("icc_profile")
        turned = upright(image)
        alpha = _alpha(turned)
        colors = convert_to_srgb(_eight_bits(turned), profile)
    if alpha is None:
        return Decoded(colors, None, profile)
    laid = Image.new("RGB", colors.size, ground)
    laid.paste(colors, mask=alpha)
    return Decoded(laid, alpha, profile)


def _check_size(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise ImageTooLarge(
            f"{width} x {height} is {width * height:,} pixels; at most {max_pixels:,}",
            hint=SMALLER,
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
    alpha = _alpha(image)
    if alpha is not None and alpha.getextrema() == (0, 0):
        raise ImageUnreadable(
            "the picture is transparent everywhere",
            hint="export it without transparency, or on a color",
        )


def _alpha(image: Image.Image) -> Image.Image | None:
    if image.mode.startswith(_SIXTEEN_BITS) or not image.has_transparency_data:
        return None
    key = image.info.get("transparency")
    if isinstance(key, tuple) and max(key) > _WHITE:
        return None  # a color of 16 bits, which no pixel has once it is cut to 8
    return _in_mode(image, "RGBA").getchannel("A")


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode.startswith(_SIXTEEN_BITS):
        image = image.convert("I").point(lambda level: level * (1 / 256))
        return _in_mode(image, "L")
    return _in_mode(image, _COLORS.get(image.mode, "RGB"))


def convert_to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert a picture of mode L, RGB or CMYK by its ICC profile, into mode RGB.

    A profile that is broken, or of another color space, counts as none.
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
            converted = None  # a broken profile, or one of another color space
        if converted is not None:
            return converted
    return _in_mode(image, "RGB")


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    # Converting to the same mode would copy: 200 MB for a large picture.
    return image if image.mode == mode else image.convert(mode)
