"""Ends a worker that can do no more work, so that a fresh process takes its place.

Three ways to be of no use: deaf (a job is due, nobody takes it here), hung (a kernel
does not come back; the lease is long lost), broken (the device failed for good).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

from shared.errors import DatabaseUnavailable
from shared.jobs.claim import has_due_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.context import Tools
    from worker.runner import Runner

log = structlog.get_logger(__name__)

HUNG_LEASES = 2  # lost and reaped by then: somebody else has the job
_LOOKS = 6  # within the time that a worker may be deaf


class Watchdog:
    """Looks at one runner from time to time.

    Args:
        tools: What the worker process has.
        runner: Whom it watches.
        can_hear: Whether rings can reach this process: while Redis is down, none does,
            and a fresh process would not either.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        tools: Tools,
        runner: Runner,
        can_hear: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tools, self._runner = tools, runner
        self._can_hear, self._clock = can_hear, clock
        self._runs = runner.runs
        self._due_since: float | None = None

    @property
    def look_seconds(self) -> float:
        """How often to look."""
        settings = self._tools.settings
        return min(5.0, settings.watchdog_seconds / _LOOKS, settings.lease_seconds)

    def look(self) -> str | None:
        """Look once.

        Returns:
            Why the process should be replaced; None while it is of use.
        """
        if self._runner.is_broken:
            return "its device failed"
        if self._is_hung():
            return "an iteration does not come back"
        return "it does not hear" if self._is_deaf() else None

    def _is_hung(self) -> bool:
        lease = self._runner.lease
        allowed = HUNG_LEASES * self._tools.settings.lease_seconds
        return lease is not None and lease.stalled_seconds > allowed

    def _is_deaf(self) -> bool:
        """Whether something was due for so long, and nothing started here."""
        if not self._is_idle() or not self._is_due() or not self._can_hear():
            self._due_since = None
            return False
        now = self._clock()
        if self._due_since is None:
            self._due_since = now
        return now - self._due_since >= self._tools.settings.watchdog_seconds

    def _is_idle(self) -> bool:
        looked, self._runs = self._runs != self._runner.runs, self._runner.runs
        return not (looked or self._runner.is_busy or self._tools.draining.is_set())

    def _is_due(self) -> bool:
        try:
            return has_due_job(self._tools.db, self._runner.device)
        except DatabaseUnavailable as error:
            log.info("watchdog_check_failed", error=str(error))
            return False
