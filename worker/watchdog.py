"""Watchdog that finds a worker which can do no more work, so that it is restarted.

There are three cases: it ignores jobs (a job is due, and it claims none), it hangs (a
kernel does not return; the lease is long lost), it is broken (the device failed for
good).
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

HUNG_LEASES = 2  # lost and rescued by then: another worker may have the job
_CHECKS = 6  # within the time that a worker may ignore a due job


class Watchdog:
    """Periodic check of one runner.

    Args:
        context: Resources of the worker process.
        runner: Runner to check.
        can_receive: Function that tells whether notifications can reach this process:
            while Redis is down, none does, and none would reach a new process.
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
            Reason to replace the process; None while it works.
        """
        self._excuse_freeze()
        if self._runner.is_broken:
            return "its device failed"
        if self._is_hung():
            return "an iteration does not end"
        return "it ignores notifications" if self._is_ignoring_jobs() else None

    def _excuse_freeze(self) -> None:
        """Begin anew if the whole process stood still (SIGSTOP, a suspended machine).

        This thread may run again before the device had a chance to go on.
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
        """Whether a job was due for long enough, and this worker claimed none."""
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
