"""A thread in every process; one of them leads, and puts right what went wrong.

It takes jobs back from dead workers, ends pauses, rings again for what waits, and so
makes every message in Redis expendable. All of it may be done twice without harm.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import structlog

from shared.errors import DatabaseUnavailable
from shared.ids import new_id
from shared.maintenance.cleaner import Janitor
from shared.maintenance.deadlines import cancel_overdue_jobs, expire_jobs
from shared.maintenance.leader import stand_down, try_lead
from shared.maintenance.rescue import (
    forget_workers,
    jobs_to_notify,
    mark_notified,
    requeue_expired_leases,
    wake_backed_off_jobs,
)
from shared.maintenance.unschedulable import readmit, settle_misfits

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.db.database import Database
    from shared.queue import Doorbell
    from shared.settings import Settings
    from shared.storage.base import Storage

log = structlog.get_logger(__name__)

TASK = "reconcile"
RINGS_PENDING = 100  # enough to wake every idle worker; more would only pile up
LEAD_ROUNDS = 3  # a leader that misses this many rounds is replaced


class MaintenanceLoop:
    """Reconciles every `rescue_seconds` from `start` until `stop`."""

    def __init__(
        self,
        db: Database,
        doorbell: Doorbell,
        storage: Storage,
        settings: Settings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db, self._doorbell, self._settings = db, doorbell, settings
        self._clock = clock
        self._janitor = Janitor(db, storage, settings, clock)
        self._id = new_id("rec")
        self._stop = threading.Event()
        self._calm_since = self._seen_at = self._clock()
        self._thread = threading.Thread(
            target=self._run, name="reconciler", daemon=True
        )

    def start(self) -> None:
        """Begin; the first round comes at once."""
        self._thread.start()

    def stop(self) -> None:
        """End after the round at hand, and let another process lead."""
        self._stop.set()
        self._thread.join(timeout=5)
        try:
            stand_down(self._db, TASK, self._id)
        except DatabaseUnavailable as error:
            log.info("leadership_release_failed", error=str(error))

    def round(self) -> None:
        """Do once all that is due, if this process leads.

        Raises:
            DatabaseUnavailable: The database failed midway; nothing is lost.
        """
        every = self._settings.rescue_seconds
        self._notice_absence()
        if not try_lead(self._db, TASK, self._id, LEAD_ROUNDS * every):
            return
        if self._leases_are_fair():
            for job_id, state in requeue_expired_leases(self._db):
                log.warning("job_rescued", job_id=job_id, state=state)
        self._mind_the_time()
        wake_backed_off_jobs(self._db)
        self._settle_what_nobody_takes()
        self._ring_again()
        self._janitor.round()
        forget_workers(self._db)

    def _settle_what_nobody_takes(self) -> None:
        for job_id in settle_misfits(self._db, self._settings.unschedulable_after_seconds):
            log.warning("job_declared_unschedulable", job_id=job_id)
        for job_id in readmit(self._db):
            log.info("job_became_schedulable", job_id=job_id)

    def _mind_the_time(self) -> None:
        settings = self._settings
        ended = {
            "job_overdue": cancel_overdue_jobs(self._db),
            "job_expired": expire_jobs(self._db, settings.paused_days),
        }
        for event, job_ids in ended.items():
            for job_id in job_ids:
                log.warning(event, job_id=job_id)

    def _notice_absence(self) -> None:
        # A machine that slept or stood still did not hear anybody's heartbeat.
        now = self._clock()
        if abs(now - self._seen_at) > self._settings.lease_seconds:
            self._calm_since = now
        self._seen_at = now

    def _leases_are_fair(self) -> bool:
        # While this process or the database was away, workers could not renew their
        # leases: they get a whole lease period to do so before any is taken.
        return self._clock() - self._calm_since > self._settings.lease_seconds

    def _ring_again(self) -> None:
        pending: dict[str | None, int | None] = {}
        for job in jobs_to_notify(
            self._db, self._settings.renotify_seconds, RINGS_PENDING
        ):
            queue = job.device_class
            if queue not in pending:
                pending[queue] = self._doorbell.pending(queue)
            rings = pending[queue]
            if rings is None or rings >= RINGS_PENDING:
                continue
            if self._doorbell.ring(job.job_id, queue):
                pending[queue] = rings + 1
                mark_notified(self._db, job.job_id)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.round()
            except DatabaseUnavailable as error:
                self._calm_since = self._clock()
                log.warning("maintenance_failed", error=str(error))
            except Exception:
                # This thread is what finds lost work: it must outlive any surprise.
                log.exception("maintenance_failed")
            self._stop.wait(self._settings.rescue_seconds)
