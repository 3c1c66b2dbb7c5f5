"""Take or refuse uploaded pictures, and make each one plain 8-bit sRGB.

PNG, JPEG, WebP, TIFF and AVIF. An animation (PNG, WebP, AVIF) is refused: nobody can
tell which of its frames was meant. Of a TIFF or an MPO (what phones write as JPEG) the
first picture counts, since the others are thumbnails or depth maps. Transparency is
laid on white (of masks, on black).
"""

from __future__ import annotations

import threading
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from shared.errors import ImageTooLarge, ImageUnreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import ImageFile

MEDIA_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # JPEG with further pictures behind the first
    "WEBP": "image/webp",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
}
MIN_EDGE_PX = 16  # below it the deepest layers of the networks see nothing
MAX_ASPECT = 8  # longer strips shrink to less than that at the small scales

_FORMATS = tuple(name for name in MEDIA_TYPES if name != "MPO")  # JPEG opens MPO
_TAKEN = "send a PNG, JPEG, WebP, TIFF or AVIF file"
_SMALLER = "scale the picture down; max_edge limits the result anyway"
_EXPORT = "open it in an image editor and export it again as PNG or JPEG"

# What each mode of Pillow is reduced to before its colors are converted.
_COLORS = {
    "1": "L",
    "L": "L",
    "LA": "L",
    "I;16": "L",
    "I;16B": "L",
    "I;16L": "L",
    "CMYK": "CMYK",
    "P": "RGB",
    "PA": "RGB",
    "RGB": "RGB",
    "RGBA": "RGB",
    "RGBX": "RGB",
    "YCbCr": "RGB",
}
_SIXTEEN_BITS = "I;16"
_SIDEWAYS = {5, 6, 7, 8}  # EXIF orientations that swap width and height


@dataclass(frozen=True, slots=True)
class PictureInfo:
    """What an accepted picture is; width and height as people see it."""

    media_type: str
    width: int
    height: int


def inspect(data: bytes, max_pixels: int) -> PictureInfo:
    """Check a picture: its header first, then that every pixel of it can be read.

    Raises:
        ImageTooLarge: The header announces more than `max_pixels`.
        ImageUnreadable: It is no picture of a format we take, or not a whole one.
    """
    with _opened(data) as image:
        _check_size(image, max_pixels)
        _check_kind(image)
        width, height = image.size
        image.draft(None, (1, 1))  # JPEG: reads every byte, keeps 1/64 of the pixels
        # Before its EXIF data are asked for: Pillow then loads a PNG by itself, and
        # keeps quiet about damage.
        image.load()
        # TIFF turns itself upright; of the others the EXIF data has to be asked.
        if image.format != "TIFF" and _orientation(image) in _SIDEWAYS:
            width, height = height, width
        return PictureInfo(MEDIA_TYPES[str(image.format)], width, height)


def decode(data: bytes, ground: str = "white") -> Image.Image:
    """Decode a picture that `inspect` has accepted, into mode RGB.

    Upright by its EXIF orientation, converted from its color profile to sRGB, 16-bit
    and CMYK reduced, transparency laid on the color `ground`.

    Raises:
        ImageUnreadable: The bytes are not a whole picture.
    """
    with _opened(data) as image:
        _check_kind(image)
        image.load()
        profile = image.info.get("icc_profile")
        upright = _upright(image)
        alpha = _alpha(upright)
        colors = _to_srgb(_eight_bits(upright), profile)
    if alpha is None:
        return colors
    laid = Image.new("RGB", colors.size, ground)
    laid.paste(colors, mask=alpha)
    return laid


@contextmanager
def _opened(data: bytes) -> Iterator[ImageFile.ImageFile]:
    if not data:
        raise ImageUnreadable("the file is empty", hint=_TAKEN)
    try:
        with _QUIET, Image.open(BytesIO(data), formats=_FORMATS) as image:
            yield image
    except (ImageTooLarge, ImageUnreadable):
        raise
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(f"far too many pixels: {error}", hint=_SMALLER) from error
    except UnidentifiedImageError as error:
        message = "this is not a picture of a format that is taken here"
        raise ImageUnreadable(message, hint=_TAKEN) from error
    except Exception as error:
        # Broken files make the decoders raise almost anything.
        message = f"the picture is damaged or incomplete ({error})"
        raise ImageUnreadable(message, hint=_EXPORT) from error


def _check_size(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise ImageTooLarge(
            f"{width} x {height} is {width * height:,} pixels; at most {max_pixels:,}",
            hint=_SMALLER,
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


def _check_kind(image: ImageFile.ImageFile) -> None:
    many = getattr(image, "is_animated", False)  # more than one picture in it
    if many and image.format not in {"MPO", "TIFF"}:
        raise ImageUnreadable(
            "this is an animation", hint="export one frame of it as PNG or JPEG"
        )
    if image.mode not in _COLORS:
        message = f"pixels of the kind {image.mode!r} are not taken"
        raise ImageUnreadable(message, hint=_EXPORT)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - a picture may be fine and its EXIF data not
        return 1


def _upright(image: Image.Image) -> Image.Image:
    if _orientation(image) == 1:
        return image
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001 - as above: then the picture stays as it is
        return image


def _alpha(image: Image.Image) -> Image.Image | None:
    if image.mode.startswith(_SIXTEEN_BITS) or not image.has_transparency_data:
        return None
    return image.convert("RGBA").getchannel("A")


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode.startswith(_SIXTEEN_BITS):
        image = image.convert("I").point(lambda level: level * (1 / 256))
    return _in_mode(image, _COLORS.get(image.mode, "L"))


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
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


class _Quiet:
    """Mutes Pillow's warnings while any thread is inside.

    `warnings.catch_warnings` alone may restore another thread's filters too early,
    or never.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._caught = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._caught.__exit__(None, None, None)


_QUIET = _Quiet()
