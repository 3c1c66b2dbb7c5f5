"""Previews of a running job with their thumbnails; a failure never stops the job."""

from __future__ import annotations

import io
from dataclasses import asdict
from typing import TYPE_CHECKING

import structlog
from PIL import Image

from shared.errors import DatabaseUnavailable, FencedOut, StorageError
from shared.jobs.checkpoints import NewFrame, add_frame
from shared.storage.base import delete_blobs
from worker.engine.images.tensors import to_pil_image

if TYPE_CHECKING:
    from shared.db.database import Database
    from shared.jobs.claim import Claim
    from shared.storage.base import Storage
    from worker.engine.snapshot import Iterate
    from worker.lease import Lease

log = structlog.get_logger(__name__)

PREVIEW_EDGE_PX = 512
THUMB_EDGE_PX = 160
_QUALITY = 85


def save_preview(
    db: Database, storage: Storage, claim: Claim, lease: Lease, iterate: Iterate
) -> None:
    """Store a preview of an iteration and its thumbnail; log it if that fails.

    Raises:
        FencedOut: A newer claim owns the job.
    """
    picture = to_pil_image(iterate.image)
    stem = f"frames/{claim.job_id}/{claim.key_stem}-{iterate.iteration}"
    key, thumb_key = f"{stem}.jpg", f"{stem}-thumb.jpg"
    preview = _shrink(picture, PREVIEW_EDGE_PX)
    try:
        storage.put(key, _jpeg(preview))
        storage.put(thumb_key, _jpeg(_shrink(preview, THUMB_EDGE_PX)))
        frame = NewFrame(
            iteration=iterate.iteration,
            scale=iterate.scale,
            width=preview.width,
            height=preview.height,
            losses=asdict(iterate.losses),
            key=key,
            thumb_key=thumb_key,
        )
        old_keys = add_frame(db, claim, frame)
        delete_blobs(storage, old_keys)
    except FencedOut:
        delete_blobs(storage, [key, thumb_key])
        raise
    except (StorageError, DatabaseUnavailable) as error:
        log.warning("preview_skipped", job_id=claim.job_id, error=str(error))
        if isinstance(error, DatabaseUnavailable):
            lease.report_outage()


def _shrink(picture: Image.Image, edge_px: int) -> Image.Image:
    if max(picture.size) <= edge_px:
        return picture
    shrunk = picture.copy()
    shrunk.thumbnail((edge_px, edge_px), Image.Resampling.BICUBIC)
    return shrunk


def _jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
