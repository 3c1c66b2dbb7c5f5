"""Orphans: blobs that killed processes left behind, which no row will ever name.

A blob is written before its row, so for a while every new one looks like an orphan.
What tells them apart is the fence in the key: once a newer claim has been made, or the
job has ended, the claim that wrote the blob can write no row any more.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import func, select

from shared.db.blob_refs import unnamed
from shared.db.models.jobs import Job
from shared.db.models.owners import Owner
from shared.states import HELD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy.orm import Session

    from shared.db.database import Database
    from shared.storage.base import Storage, StoredBlob

log = structlog.get_logger(__name__)

SLICE = 200  # blobs looked at in one round of the reconciler
_OF_A_CLAIM = re.compile(r"(?:checkpoints|frames|results)/([^/]+)/(\d+)[^/]*")
_UNFINISHED = re.compile(r"(?:.*/)?\.[^/]*")


class Sweep:
    """Walks the whole storage again and again, a slice at a time.

    Args:
        db: The rows.
        storage: The blobs.
        min_age_seconds: Younger blobs are never touched; no upload takes so long.
        clock: The time of the storage, seconds since 1970.
    """

    def __init__(
        self,
        db: Database,
        storage: Storage,
        min_age_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._db, self._storage = db, storage
        self._min_age_seconds, self._clock = min_age_seconds, clock
        self._walk: Iterator[StoredBlob] | None = None

    def step(self) -> bool:
        """Look at the next slice, and collect its orphans; False: that was the last.

        Raises:
            StorageError: The storage cannot be read or written.
            DatabaseUnavailable: Nobody can say what is named.
        """
        if self._walk is None:
            self._walk = self._storage.blobs()
        met = list(islice(self._walk, SLICE))
        oldest = self._clock() - self._min_age_seconds
        for key in self._orphans([blob for blob in met if blob.modified_at < oldest]):
            log.info("orphan_deleted", key=key)
            self._storage.delete(key)
        if len(met) < SLICE:
            self._walk = None
        return self._walk is not None

    def _orphans(self, blobs: Sequence[StoredBlob]) -> list[str]:
        if not blobs:
            return []
        with self._db.read() as session:
            keys = set(unnamed(session, [blob.key for blob in blobs]))
            found = [blob for blob in blobs if blob.key in keys]
            return [blob.key for blob in found if _is_orphan(session, blob)]


def _is_orphan(session: Session, blob: StoredBlob) -> bool:
    """Whether an old blob that no row names will never be named."""
    if _UNFINISHED.fullmatch(blob.key):
        return True
    if (match := _OF_A_CLAIM.fullmatch(blob.key)) is not None:
        job_id, fence = match[1], int(match[2])
        job = session.execute(
            select(Job.fence, Job.state).where(Job.id == job_id)
        ).one_or_none()
        if job is None:
            return False  # of another database: not ours to judge
        return job.fence > fence or job.state not in HELD
    if not blob.key.startswith("assets/"):
        return False
    born = session.scalar(select(func.min(Owner.created_at)))
    return born is not None and blob.modified_at > born  # uploaded to this database
