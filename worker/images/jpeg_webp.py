"""Writes JPEG and WebP, of 8 bits, with the recipe where cameras put their comments."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from PIL import ExifTags, Image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from worker.images.metadata import Mark

JPEG_QUALITY = 95
WEBP_QUALITY = 95
MOST_RECIPE_BYTES = 60_000  # a segment of JPEG holds 65,533 bytes in all
_ASCII = b"ASCII\0\0\0"  # how EXIF 3.0, 4.6.6, starts a comment in it


def write_jpeg(levels: NDArray[np.uint8], mark: Mark) -> bytes:
    """Write (H, W, 3), without chroma subsampling: strokes have sharp colored edges."""
    return _written(levels, mark, "JPEG", quality=JPEG_QUALITY, subsampling=0)


def write_webp(levels: NDArray[np.uint8], mark: Mark) -> bytes:
    """Write (H, W, 3) or (H, W, 4); the transparency itself without loss."""
    return _written(levels, mark, "WEBP", quality=WEBP_QUALITY, exact=True)


def _written(
    levels: NDArray[np.uint8], mark: Mark, kind: str, **options: object
) -> bytes:
    exif = Image.Exif()
    if mark.recipe is not None:
        comment = _ASCII + mark.recipe.encode("ascii")
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    buffer = BytesIO()
    Image.fromarray(levels).save(
        buffer,
        kind,
        icc_profile=mark.profile,
        exif=exif.tobytes() if mark.recipe is not None else b"",
        **options,
    )
    return buffer.getvalue()
