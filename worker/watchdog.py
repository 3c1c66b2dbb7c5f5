"""Watchdog that finds a worker which can no longer work, so that it is restarted.

There are three cases. The worker ignores jobs: a job is due, and it claims none. It
hangs: a kernel does not return, and the lease expired long ago. It is broken: the
device failed and does not recover.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from shared.errors import DatabaseUnavailable
from shared.jobs.claim import has_due_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.context import WorkerContext
    from worker.runner import Runner

log = structlog.get_logger(__name__)

HUNG_LEASES = 2  # by then the job was rescued, and another worker may have it
_CHECKS = 6  # checks within the time that a worker may ignore a due job


class Watchdog:
    """Watchdog of one runner, which checks it periodically.

    Args:
        context: Resources of the worker process.
        runner: Runner to check.
        can_receive: Function that returns whether notifications can reach this process.
            While Redis is down, they would not reach a new process, either.
    """

    def __init__(
        self,
        context: WorkerContext,
        runner: Runner,
        can_receive: Callable[[], bool],
    ) -> None:
        self._context, self._runner = context, runner
        self._can_receive = can_receive
        self._poll_count = runner.poll_count
        self._due_since: float | None = None
        self._checked_at = context.clock.monotonic()

    @property
    def check_seconds(self) -> float:
        """Seconds between two checks."""
        settings = self._context.settings
        return min(5.0, settings.watchdog_seconds / _CHECKS, settings.lease_seconds)

    def check(self) -> str | None:
        """Check the runner once.

        Returns:
            Reason to replace the process, or None while it works.
        """
        self._excuse_freeze()
        if self._runner.is_broken:
            return "its device failed"
        if self._is_hung():
            return "an iteration does not end"
        return "it ignores notifications" if self._is_ignoring_jobs() else None

    def _excuse_freeze(self) -> None:
        """Start measuring again if the whole process was frozen, as by SIGSTOP.

        After a freeze, this thread may run before the device can continue.
        """
        now = self._context.clock.monotonic()
        since_check, self._checked_at = now - self._checked_at, now
        if since_check > self.check_seconds + self._context.settings.lease_seconds:
            self._due_since = None
            if self._runner.lease is not None:
                self._runner.lease.report_freeze()

    def _is_hung(self) -> bool:
        lease = self._runner.lease
        allowed = HUNG_LEASES * self._context.settings.lease_seconds
        return lease is not None and lease.stalled_seconds > allowed

    def _is_ignoring_jobs(self) -> bool:
        """Whether a job has been due too long, and this worker claimed none."""
        if not self._is_idle() or not self._is_due() or not self._can_receive():
            self._due_since = None
            return False
        now = self._context.clock.monotonic()
        if self._due_since is None:
            self._due_since = now
        return now - self._due_since >= self._context.settings.watchdog_seconds

    def _is_idle(self) -> bool:
        has_polled, self._poll_count = (
            self._poll_count != self._runner.poll_count,
            self._runner.poll_count,
        )
        return not (
            has_polled or self._runner.is_busy or self._context.draining.is_set()
        )

    def _is_due(self) -> bool:
        try:
            return has_due_job(self._context.db, self._runner.device)
        except DatabaseUnavailable as error:
            log.info("watchdog_check_failed", error=str(error))
            return False
