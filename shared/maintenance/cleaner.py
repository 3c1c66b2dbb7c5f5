"""Cleaner: deletes expired rows and orphaned blobs, in small steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from shared.errors import StorageError
from shared.idempotency import delete_expired_responses
from shared.jobs.deletion import purge_canceled_jobs
from shared.jobs.retention import (
    drop_expired_assets,
    drop_expired_checkpoints,
    drop_expired_results,
    drop_tombstones,
    thin_kept_checkpoints,
)
from shared.maintenance.orphans import OrphanCollector
from shared.storage import delete_blobs

if TYPE_CHECKING:
    from shared.clock import Clock
    from shared.db.database import Database
    from shared.settings import Settings
    from shared.storage import Storage

log = structlog.get_logger(__name__)

ORPHAN_SCAN_PAUSE_SECONDS = 3600.0  # between scans of the whole storage
RETENTION_PAUSE_SECONDS = 60.0
_HOUR_SECONDS = 3600.0


class Cleaner:
    """Cleaner of rows and blobs; its short rounds do not delay the rescue of jobs."""

    def __init__(
        self,
        db: Database,
        storage: Storage,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._db, self._storage, self._settings = db, storage, settings
        self._clock = clock
        min_age_seconds = settings.orphan_hours * _HOUR_SECONDS
        self._orphan_collector = OrphanCollector(db, storage, min_age_seconds, clock)
        self._retention_due_at = self._orphan_scan_due_at = clock.monotonic()

    def run_once(self) -> None:
        """Do the cleaning steps that are due.

        Raises:
            DatabaseUnavailable: The database failed; the next round continues.
        """
        now = self._clock.monotonic()
        # First, since users wait for these deletions.
        delete_blobs(self._storage, purge_canceled_jobs(self._db))
        delete_blobs(
            self._storage,
            thin_kept_checkpoints(self._db, self._settings.kept_checkpoint_bytes),
        )
        if now >= self._retention_due_at:
            self._retention_due_at = (
                now if self._drop_expired() else now + RETENTION_PAUSE_SECONDS
            )
        if now >= self._orphan_scan_due_at:
            self._collect_orphans(now)

    def _drop_expired(self) -> bool:
        """Drop expired rows; return True if there may be more."""
        settings = self._settings
        keys = [
            *drop_expired_checkpoints(self._db, settings.checkpoint_days),
            *drop_expired_results(self._db, settings.result_days),
            *drop_tombstones(self._db, settings.tombstone_days),
            *drop_expired_assets(self._db),
        ]
        delete_blobs(self._storage, keys)
        responses = delete_expired_responses(self._db)
        return bool(keys) or responses > 0

    def _collect_orphans(self, now: float) -> None:
        try:
            has_more = self._orphan_collector.collect_batch()
        except StorageError as error:
            log.warning("orphan_search_failed", error=str(error))
            has_more = False
        self._orphan_scan_due_at = now if has_more else now + ORPHAN_SCAN_PAUSE_SECONDS
