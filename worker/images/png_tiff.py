"""Writers of PNG and TIFF of 8 or 16 bits per channel, by libvips.

Pillow cannot write colors of 16 bits. The same picture gives the same bytes, whatever
the number of threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyvips

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from worker.images.metadata import FileMetadata

    Levels = NDArray[np.uint8] | NDArray[np.uint16]

_ZLIB_LEVEL = 6
_KEPT = "icc:other"  # the profile and the recipe; no EXIF data, which libvips would add


def write_png(levels: Levels, metadata: FileMetadata) -> bytes:
    """Write (H, W, 3) or (H, W, 4), with the recipe as text `impasto`."""
    data: bytes = _image(levels, metadata, "png-comment-0-impasto").pngsave_buffer(
        compression=_ZLIB_LEVEL, filter="paeth", keep=_KEPT
    )
    return data


def write_tiff(levels: Levels, metadata: FileMetadata) -> bytes:
    """Write (H, W, 3) or (H, W, 4), with the recipe as image description."""
    data: bytes = _image(levels, metadata, "image-description").tiffsave_buffer(
        compression="deflate", level=_ZLIB_LEVEL, predictor="horizontal", keep=_KEPT
    )
    return data


def _image(levels: Levels, metadata: FileMetadata, recipe_field: str) -> pyvips.Image:
    image = pyvips.Image.new_from_array(
        levels, interpretation="srgb" if levels.dtype == np.uint8 else "rgb16"
    )
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", metadata.profile)
    if metadata.recipe is not None:
        image.set_type(pyvips.GValue.gstr_type, recipe_field, metadata.recipe)
    return image
