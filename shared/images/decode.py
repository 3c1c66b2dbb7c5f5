"""Opens picture files of the formats taken here; whatever is wrong becomes one error.

PNG, JPEG, WebP, TIFF and AVIF. An animation (PNG, WebP, AVIF) is refused: nobody can
tell which of its frames was meant. Of a TIFF or an MPO (what phones write as JPEG) the
first picture counts, since the others are thumbnails or depth maps.
"""

from __future__ import annotations

import threading
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
    "MPO": "image/jpeg",  # JPEG with further pictures behind the first
    "WEBP": "image/webp",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
}
# As Pillow names what it decodes to.
_COLORED = ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
_GRAY = ("1", "L", "LA", "I;16", "I;16B", "I;16L")
SMALLER = "scale the picture down; max_edge limits the result anyway"

_FORMATS = tuple(name for name in MEDIA_TYPES if name != "MPO")  # JPEG opens MPO
_TAKEN = "send a PNG, JPEG, WebP, TIFF or AVIF file"
_EXPORT = "open it in an image editor and export it again as PNG or JPEG"


@contextmanager
def opened(data: bytes) -> Iterator[ImageFile.ImageFile]:
    """Open a picture; what goes wrong with it inside the block is told as one error.

    Raises:
        ImageTooLarge: Its header announces more than any picture has.
        ImageUnreadable: It is no picture of a format we take, or not a whole one.
    """
    if not data:
        raise ImageUnreadable("the file is empty", hint=_TAKEN)
    try:
        with _QUIET, Image.open(BytesIO(data), formats=_FORMATS) as image:
            yield image
    except (ImageTooLarge, ImageUnreadable):
        raise
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(f"far too many pixels: {error}", hint=SMALLER) from error
    except UnidentifiedImageError as error:
        message = "this is not a picture of a format that is taken here"
        raise ImageUnreadable(message, hint=_TAKEN) from error
    except Exception as error:
        # Broken files make the decoders raise almost anything.
        message = f"the picture is damaged or incomplete ({error})"
        raise ImageUnreadable(message, hint=_EXPORT) from error


def check_kind(image: ImageFile.ImageFile) -> None:
    """Refuse animations, missing rows, and pixels of a kind that nothing here reads.

    Raises:
        ImageUnreadable: It is one of them.
    """
    many = getattr(image, "is_animated", False)  # more than one picture in it
    if many and image.format not in {"MPO", "TIFF"}:
        raise ImageUnreadable(
            "this is an animation", hint="export one frame of it as PNG or JPEG"
        )
    if image.format == "TIFF" and not _has_all_rows(image):
        message = "the picture is damaged or incomplete (rows are missing)"
        raise ImageUnreadable(message, hint=_EXPORT)
    if image.mode not in _COLORED + _GRAY:
        message = f"pixels of the kind {image.mode!r} are not taken"
        raise ImageUnreadable(message, hint=_EXPORT)


def _has_all_rows(image: ImageFile.ImageFile) -> bool:
    """Whether the strips of a TIFF cover it: Pillow would leave the rest black."""
    areas = (tile.extents or (0, 0, 0, 0) for tile in image.tile)
    covered = sum((right - left) * (low - top) for left, top, right, low in areas)
    return covered >= image.width * image.height


def orientation(image: Image.Image) -> int:
    """Tell how the camera was held: 1 to 8, as EXIF numbers it; 1 is upright."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - a picture may be fine and its EXIF data not
        return 1


def upright(image: Image.Image) -> Image.Image:
    """Turn and mirror a loaded picture as its EXIF orientation says."""
    if orientation(image) == 1:
        return image
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001 - as above: then the picture stays as it is
        return image


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
