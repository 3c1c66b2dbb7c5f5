"""A finished picture in another format or smaller, made on the way out."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from PIL import Image

from api.limits import one_decoder
from shared.formats import FORMATS
from shared.opening import opened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from api.services import Services
    from shared.formats import ResultFormat

# As results are written themselves.
_OPTIONS: Mapping[ResultFormat, dict[str, Any]] = {
    "png": {},
    "tiff": {"compression": "tiff_adobe_deflate"},
    "jpeg": {"quality": 95, "subsampling": 0},
    "webp": {"quality": 95, "exact": True},
}


def rendition(
    services: Services, key: str, format_: ResultFormat, max_edge: int | None
) -> bytes:
    """Write a stored picture anew, with 8 bits per channel and without its recipe.

    Args:
        services: Bound how many pictures are decoded, and in memory, at once.
        key: Of the stored file.
        format_: What it becomes.
        max_edge: Long side, px; a picture is never made larger. None: as it is.

    Raises:
        ServerBusy: Too many pictures are being decoded.
        StorageError: The file is gone, or cannot be read.
        ImageUnreadable: The stored file is damaged.
    """
    with one_decoder(services), opened(services.storage.get(key)) as image:
        image.load()
        profile = image.info.get("icc_profile")
        picture = _plain(image, FORMATS[format_].transparent)
        if max_edge is not None:
            picture.thumbnail((max_edge, max_edge), Image.Resampling.LANCZOS)
        buffer = BytesIO()
        picture.save(buffer, format_, icc_profile=profile, **_OPTIONS[format_])
    return buffer.getvalue()


def _plain(image: Image.Image, is_transparent: bool) -> Image.Image:
    """Reduce to RGB or RGBA; on white, where the format knows no transparency."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    picture = image.convert("RGBA")
    if is_transparent:
        return picture
    laid = Image.new("RGB", picture.size, "white")
    laid.paste(picture, mask=picture.getchannel("A"))
    return laid
