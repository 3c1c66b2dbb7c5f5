"""The leader's housekeeping: what has had its time goes, rows before blobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from shared.auth.stream_tokens import drop_old_stream_tokens
from shared.errors import StorageError
from shared.idempotency import drop_old_answers
from shared.jobs.deletion import purge_canceled
from shared.jobs.retention import (
    drop_expired_assets,
    drop_expired_checkpoints,
    drop_expired_results,
    drop_tombstones,
    thin_kept_checkpoints,
)
from shared.maintenance.orphans import Sweep

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.db.database import Database
    from shared.settings import Settings
    from shared.storage.base import Storage

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 3600.0  # rest after the whole storage has been looked at
TIDY_SECONDS = 60.0
_HOUR_SECONDS = 3600.0


class Janitor:
    """Tidies a little in each round, so that the leader is never kept from reaping."""

    def __init__(
        self,
        db: Database,
        storage: Storage,
        settings: Settings,
        clock: Callable[[], float],
    ) -> None:
        self._db, self._storage, self._settings = db, storage, settings
        self._clock = clock
        min_age_seconds = settings.orphan_hours * _HOUR_SECONDS
        self._sweep = Sweep(db, storage, min_age_seconds, clock)
        self._tidy_at = self._sweep_at = clock()

    def round(self) -> None:
        """Do what is due.

        Raises:
            DatabaseUnavailable: The database failed midway; nothing is lost.
        """
        now = self._clock()
        self._delete(purge_canceled(self._db))  # somebody waits for that
        self._delete(thin_kept_checkpoints(self._db, self._settings.kept_checkpoint_bytes))
        if now >= self._tidy_at:
            self._tidy_at = now if self._drop_expired() else now + TIDY_SECONDS
        if now >= self._sweep_at:
            self._sweep_on(now)

    def _drop_expired(self) -> bool:
        """Let go of what is over; True: there may be more."""
        settings = self._settings
        keys = [
            *drop_expired_checkpoints(self._db, settings.checkpoint_days),
            *drop_expired_results(self._db, settings.result_days),
            *drop_tombstones(self._db, settings.tombstone_days),
            *drop_expired_assets(self._db),
        ]
        self._delete(keys)
        drop_old_stream_tokens(self._db)
        answers = drop_old_answers(self._db)
        return bool(keys) or answers > 0

    def _sweep_on(self, now: float) -> None:
        try:
            goes_on = self._sweep.step()
        except StorageError as error:
            log.warning("orphan_search_failed", error=str(error))
            goes_on = False
        self._sweep_at = now if goes_on else now + SWEEP_SECONDS

    def _delete(self, keys: list[str]) -> None:
        for key in keys:
            try:
                self._storage.delete(key)
            except StorageError as error:
                log.warning("blob_deletion_failed", key=key, error=str(error))
