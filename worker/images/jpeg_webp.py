"""Writers of JPEG and WebP of 8 bits, with the recipe in the EXIF user comment."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from PIL import ExifTags, Image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from worker.images.metadata import FileMetadata

JPEG_QUALITY = 95
WEBP_QUALITY = 95
MAX_RECIPE_BYTES = 60_000  # a segment of JPEG holds 65,533 bytes in all
_ASCII = b"ASCII\0\0\0"  # prefix of a comment in ASCII: EXIF 3.0, section 4.6.6


def write_jpeg(levels: NDArray[np.uint8], metadata: FileMetadata) -> bytes:
    """Write (H, W, 3), without chroma subsampling: strokes have sharp colored edges."""
    return _encode(levels, metadata, "JPEG", quality=JPEG_QUALITY, subsampling=0)


def write_webp(levels: NDArray[np.uint8], metadata: FileMetadata) -> bytes:
    """Write (H, W, 3) or (H, W, 4); the transparency itself without loss."""
    return _encode(levels, metadata, "WEBP", quality=WEBP_QUALITY, exact=True)


def _encode(
    levels: NDArray[np.uint8], metadata: FileMetadata, kind: str, **options: object
) -> bytes:
    exif = Image.Exif()
    if metadata.recipe is not None:
        comment = _ASCII + metadata.recipe.encode("ascii")
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    buffer = BytesIO()
    Image.fromarray(levels).save(
        buffer,
        kind,
        icc_profile=metadata.profile,
        exif=exif.tobytes() if metadata.recipe is not None else b"",
        **options,
    )
    return buffer.getvalue()
