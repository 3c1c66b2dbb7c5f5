"""Orphans: blobs of killed processes, which no row will ever name.

A blob is written before its row, so each new blob has no row at first. Its key names
the claim. Only the current claim of the job can still write a row.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import func, select

from shared.db.base import unreferenced_keys
from shared.db.models.auth import Owner
from shared.db.models.jobs import Job
from shared.jobs.claim import claim_key_stem
from shared.states import LEASED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.orm import Session

    from shared.clock import Clock
    from shared.db.database import Database
    from shared.storage import Storage, StoredBlob

log = structlog.get_logger(__name__)

BATCH_SIZE = 200  # blobs checked per round of the maintenance
_CLAIM_KEY = re.compile(r"(?:checkpoints|frames|results)/([^/]+)/(\d[^/]*)")
_TEMPORARY_KEY = re.compile(r"(?:.*/)?\.[^/]*")


class OrphanCollector:
    """Collector of orphans, which scans the whole storage repeatedly, in batches.

    Args:
        db: The database.
        storage: Storage of the blobs.
        min_age_seconds: Minimum age of an orphan, longer than any upload takes.
        clock: Clock of this host, which must be close to that of the storage.
    """

    def __init__(
        self,
        db: Database,
        storage: Storage,
        min_age_seconds: float,
        clock: Clock,
    ) -> None:
        self._db, self._storage = db, storage
        self._min_age_seconds, self._clock = min_age_seconds, clock
        self._iterator: Iterator[StoredBlob] | None = None

    def collect_batch(self) -> bool:
        """Delete the orphans of the next batch; False if that was the last batch.

        Raises:
            StorageError: The storage cannot be read or written.
            DatabaseUnavailable: The rows cannot be read.
        """
        if self._iterator is None:
            self._iterator = self._storage.blobs()
        batch = list(islice(self._iterator, BATCH_SIZE))
        oldest = self._clock.time() - self._min_age_seconds
        for key in self._find_orphans(
            [blob for blob in batch if blob.modified_at < oldest]
        ):
            log.info("orphan_deleted", key=key)
            self._storage.delete(key)
        if len(batch) < BATCH_SIZE:
            self._iterator = None
        return self._iterator is not None

    def _find_orphans(self, blobs: Sequence[StoredBlob]) -> list[str]:
        if not blobs:
            return []
        with self._db.read() as session:
            keys = set(unreferenced_keys(session, [blob.key for blob in blobs]))
            unreferenced = [blob for blob in blobs if blob.key in keys]
            return [blob.key for blob in unreferenced if _is_orphan(session, blob)]


def _is_orphan(session: Session, blob: StoredBlob) -> bool:
    """Return whether no row can name an old blob in future."""
    if _TEMPORARY_KEY.fullmatch(blob.key):
        return True
    if (match := _CLAIM_KEY.fullmatch(blob.key)) is not None:
        job_id, name = match.groups()
        job = session.execute(
            select(Job.fence, Job.claim_nonce, Job.state).where(Job.id == job_id)
        ).one_or_none()
        if job is None:
            return False  # the blob may belong to another database
        stem = claim_key_stem(job.fence, job.claim_nonce)
        return job.state not in LEASED or not name.startswith(stem)
    if not blob.key.startswith("assets/"):
        return False
    # Creation time of the database: older blobs may belong to another database.
    created_at = session.scalar(select(func.min(Owner.created_at)))
    return created_at is not None and blob.modified_at > created_at
