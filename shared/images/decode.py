"""Opening of uploaded picture files; all failures become one of two errors.

The formats are PNG, JPEG, WebP, TIFF and AVIF. Animations (PNG, WebP, AVIF) are
refused, since the wanted frame is unknown. In a TIFF or an MPO (a JPEG variant of
phones) the first picture is used, since the others are thumbnails or depth maps.
"""

from __future__ import annotations

import re
import warnings
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from shared.errors import ImageTooLarge, ImageUnreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import ImageFile

MEDIA_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # JPEG with further pictures after the first
    "WEBP": "image/webp",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
}
# Accepted modes of Pillow.
_COLOR_MODES = ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
_GRAY_MODES = ("1", "L", "LA", "I;16", "I;16B", "I;16L")
SCALE_DOWN_HINT = "scale the picture down; max_edge limits the result anyway"

_FORMATS = tuple(name for name in MEDIA_TYPES if name != "MPO")  # JPEG opens MPO
_FORMATS_HINT = "send a PNG, JPEG, WebP, TIFF or AVIF file"
EXPORT_HINT = "open it in an image editor and export it again as PNG or JPEG"

# Normal JPEG files have 10 scans (libjpeg; 18 in CMYK) to 64 (mozjpeg).
# `jpegtran -scans` writes 100 at most, and libtiff reads no more in a TIFF.
MAX_SCANS = 100
_MAX_SEGMENTS = 10_000  # profiles have at most 255, XMP has one per 64 kB
_MAX_PADDING = 2**20  # bytes before the first scan outside segments
MAX_CHUNKS = 100_000  # of a PNG; libpng writes one per 8 kB, and each takes 6 us
# Markers as libjpeg finds them, also in picture data; restarts are ignored.
_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_BARE_MARKERS = (0x01, 0xD8)  # without a length

# Warnings are ignored: a damaged picture raises one of the two errors.
warnings.filterwarnings("ignore", module=r"PIL\.")


@contextmanager
def open_image(data: bytes) -> Iterator[ImageFile.ImageFile]:
    """Open a picture; all failures except lack of memory raise one of two errors.

    Raises:
        ImageTooLarge: The header has more pixels than any accepted picture.
        ImageUnreadable: The format is not supported, or the file is damaged.
    """
    if not data:
        raise ImageUnreadable("the file is empty", hint=_FORMATS_HINT)
    _require_few_scans(data)
    _require_few_chunks(data)
    try:
        with Image.open(BytesIO(data), formats=_FORMATS) as image:
            yield image
    except (ImageTooLarge, ImageUnreadable, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(
            f"far too many pixels: {error}", hint=SCALE_DOWN_HINT
        ) from error
    except UnidentifiedImageError as error:
        message = "this is not a picture of a format that is taken here"
        raise ImageUnreadable(message, hint=_FORMATS_HINT) from error
    except Exception as error:
        # Decoders raise errors of many classes for damaged files.
        message = f"the picture is damaged or incomplete ({error})"
        raise ImageUnreadable(message, hint=EXPORT_HINT) from error


def _require_few_scans(data: bytes) -> None:
    """Refuse a JPEG with too many scans, before it is decoded.

    Raises:
        ImageUnreadable: The file has more scans, segments or padding than encoders
            write.
    """
    position, scans, segments, padding = 2, 0, 0, 0
    if not data.startswith(b"\xff\xd8"):
        return
    while (match := _MARKER.search(data, position)) is not None:
        padding += 0 if scans else match.start() - position
        marker, position = match[1][0], match.end()
        if marker == _END_OF_IMAGE:  # bytes after it are not decoded
            return
        if marker not in _BARE_MARKERS:
            position += int.from_bytes(data[position : position + 2], "big")
            scans += marker == _START_OF_SCAN
        segments += 1
        if scans > MAX_SCANS or segments > _MAX_SEGMENTS or padding > _MAX_PADDING:
            message = f"more than {MAX_SCANS} scans, or far too many segments"
            raise ImageUnreadable(f"this JPEG has {message}", hint=EXPORT_HINT)


def _require_few_chunks(data: bytes) -> None:
    """Refuse a PNG with far more chunks than encoders write, before it is decoded.

    Raises:
        ImageUnreadable: It has more than `MAX_CHUNKS`.
    """
    position, chunks = len(_PNG_SIGNATURE), 0
    if not data.startswith(_PNG_SIGNATURE):
        return
    while position < len(data) and data[position + 4 : position + 8] != b"IEND":
        length = int.from_bytes(data[position : position + 4], "big")
        position += 12 + length  # with length, type and checksum
        chunks += 1
        if chunks > MAX_CHUNKS:
            message = f"this PNG has more than {MAX_CHUNKS:,} chunks"
            raise ImageUnreadable(message, hint=EXPORT_HINT)


def require_still_image(image: ImageFile.ImageFile) -> None:
    """Refuse animations, missing rows, and unsupported pixel modes.

    Raises:
        ImageUnreadable: The picture is one of these.
    """
    has_several_frames = getattr(image, "is_animated", False)
    if has_several_frames and image.format not in {"MPO", "TIFF"}:
        raise ImageUnreadable(
            "this is an animation", hint="export one frame of it as PNG or JPEG"
        )
    if image.format == "TIFF" and not _has_all_rows(image):
        message = "the picture is damaged or incomplete (rows are missing)"
        raise ImageUnreadable(message, hint=EXPORT_HINT)
    if image.mode not in _COLOR_MODES + _GRAY_MODES:
        message = f"pixels of the kind {image.mode!r} are not taken"
        raise ImageUnreadable(message, hint=EXPORT_HINT)


def _has_all_rows(image: ImageFile.ImageFile) -> bool:
    """Return whether the strips of a TIFF cover it; Pillow leaves gaps black."""
    areas = (tile.extents or (0, 0, 0, 0) for tile in image.tile)
    covered = sum((right - left) * (low - top) for left, top, right, low in areas)
    return covered >= image.width * image.height


def exif_orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 is upright."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - a picture may be fine and its EXIF data not
        return 1


def apply_orientation(image: Image.Image) -> Image.Image:
    """Rotate and mirror a loaded picture by its EXIF orientation."""
    if exif_orientation(image) == 1:
        return image
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001 - as above: then the picture stays as it is
        return image
