"""Maintenance loop: a thread in each process, of which only the leader works.

The leader requeues jobs of crashed workers, ends pauses after failures, enforces
deadlines, and notifies workers again of waiting jobs, so that messages in Redis may be
lost. All steps may be repeated without harm.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import structlog

from shared.clock import SYSTEM_CLOCK, Clock, RunningThread
from shared.db.base import new_id
from shared.db.database import CLOCK_SLACK
from shared.errors import DatabaseUnavailable
from shared.maintenance.cleaner import Cleaner
from shared.maintenance.deadlines import cancel_overdue_jobs, expire_jobs
from shared.maintenance.leader import acquire_leadership, release_leadership
from shared.maintenance.rescue import (
    delete_stale_workers,
    find_jobs_to_notify,
    mark_notified,
    requeue_expired_leases,
    wake_backed_off_jobs,
)
from shared.maintenance.unschedulable import (
    clear_device_exclusions,
    fail_unschedulable_jobs,
)

if TYPE_CHECKING:
    from shared.db.database import Database
    from shared.queue import Notifier
    from shared.settings import Settings
    from shared.storage import Storage

log = structlog.get_logger(__name__)

TASK = "maintenance"
# Enough to wake all idle workers; more notifications would have no effect.
MAX_PENDING_NOTIFICATIONS = 100
LEADERSHIP_ROUNDS = 3  # a leader that misses this many rounds is replaced


class MaintenanceLoop:
    """Thread that does the maintenance every `rescue_seconds` while it is leader."""

    def __init__(
        self,
        db: Database,
        notifier: Notifier,
        storage: Storage,
        settings: Settings,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._db, self._notifier, self._settings = db, notifier, settings
        self._clock = clock
        self._cleaner = Cleaner(db, storage, settings, clock)
        self._id = new_id("mnt")
        self._stop = threading.Event()
        self._stable_since = self._last_round_at = clock.monotonic()
        self._database_time: float | None = None  # database time of the last round
        self._thread: RunningThread | None = None

    def start(self) -> None:
        """Start the thread; its first round begins at once."""
        self._thread = self._clock.start_thread("maintenance", self._run)

    def stop(self) -> None:
        """Stop the thread after the current round, and release the leadership."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        try:
            release_leadership(self._db, TASK, self._id)
        except DatabaseUnavailable as error:
            log.info("leadership_release_failed", error=str(error))

    def run_once(self) -> None:
        """Do one round of the maintenance if this process is the leader.

        Raises:
            DatabaseUnavailable: The database failed; the next round continues.
        """
        lead_seconds = LEADERSHIP_ROUNDS * self._settings.rescue_seconds
        self._detect_clock_jump()
        if not acquire_leadership(self._db, TASK, self._id, lead_seconds):
            return
        now = self._clock.monotonic()
        if now - self._last_round_at > self._settings.lease_seconds / 2:
            self._stable_since = now  # the call waited for the database, as workers did
        if self._may_rescue():
            for job_id, state in requeue_expired_leases(self._db):
                log.warning("job_rescued", job_id=job_id, state=state)
        self._enforce_deadlines()
        wake_backed_off_jobs(self._db)
        self._resolve_unschedulable_jobs()
        self._renotify_workers()
        self._cleaner.run_once()
        delete_stale_workers(self._db)

    def _resolve_unschedulable_jobs(self) -> None:
        for job_id in fail_unschedulable_jobs(
            self._db, self._settings.unschedulable_after_seconds
        ):
            log.warning("job_declared_unschedulable", job_id=job_id)
        for job_id in clear_device_exclusions(self._db):
            log.info("job_became_schedulable", job_id=job_id)

    def _enforce_deadlines(self) -> None:
        settings = self._settings
        job_ids_by_event = {
            "job_overdue": cancel_overdue_jobs(self._db),
            "job_expired": expire_jobs(self._db, settings.paused_days),
        }
        for event, job_ids in job_ids_by_event.items():
            for job_id in job_ids:
                log.warning(event, job_id=job_id)

    def _detect_clock_jump(self) -> None:
        """Detect that this process was frozen, or that the database's clock jumped.

        A suspended machine also looks like a jump.
        """
        now, database_now = self._clock.monotonic(), self._db.time()
        elapsed = now - self._last_round_at
        if self._database_time is None:
            self._database_time = database_now - elapsed
        jump = database_now - self._database_time - elapsed
        lease = self._settings.lease_seconds
        if elapsed > lease + self._settings.rescue_seconds:  # with the pause of a round
            self._stable_since = now
        elif abs(jump) > (CLOCK_SLACK - 1) * lease:
            log.warning("clock_jumped", seconds=jump)
            # Half a lease is enough, since workers renew leases after a third.
            self._stable_since = max(self._stable_since, now - lease / 2)
        self._last_round_at, self._database_time = now, database_now

    def _may_rescue(self) -> bool:
        # During an outage workers could not renew their leases, and after a jump of the
        # clock leases seem expired. So workers get time to renew their leases before
        # any job is rescued.
        stable_seconds = self._clock.monotonic() - self._stable_since
        return stable_seconds > self._settings.lease_seconds

    def _renotify_workers(self) -> None:
        pending: dict[str | None, int | None] = {}
        for job in find_jobs_to_notify(
            self._db, self._settings.renotify_seconds, MAX_PENDING_NOTIFICATIONS
        ):
            queue = job.device_class
            if queue not in pending:
                pending[queue] = self._notifier.pending_count(queue)
            count = pending[queue]
            if count is None or count >= MAX_PENDING_NOTIFICATIONS:
                continue
            if self._notifier.notify(job.job_id, queue):
                pending[queue] = count + 1
                mark_notified(self._db, job.job_id)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.run_once()
            except DatabaseUnavailable as error:
                self._stable_since = self._clock.monotonic()
                log.warning("maintenance_failed", error=str(error))
            except Exception:
                # The thread must survive all errors, since no other thread rescues
                # jobs.
                log.exception("maintenance_failed")
            self._clock.wait(self._stop, self._settings.rescue_seconds)
