"""Supervisor of the farm's processes, which restarts them within a restart policy."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from impasto.errors import RestartLimitReached

if TYPE_CHECKING:
    from collections.abc import Callable

    from impasto.local.process import ChildProcess

RESTART_EXIT_CODE = 75  # EX_TEMPFAIL: a worker requests a new process
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Limits for restarts of a failing process.

    Attributes:
        quick_seconds: Run time below which the end of a process is a quick failure.
        max_quick_failures: Quick failures in a row that end the farm.
        pause_seconds: Pause before the first restart; doubles with each further
            failure.
    """

    quick_seconds: float = 10.0
    max_quick_failures: int = 3
    pause_seconds: float = 0.5


class _SupervisedProcess:
    """Process with its starts and failures."""

    def __init__(self, process: ChildProcess) -> None:
        self.process = process
        self.started_at = 0.0
        self.quick_failures = 0
        self.restart_at: float | None = None  # set after its end was detected

    def start(self) -> None:
        self.restart_at = None
        self.started_at = time.monotonic()
        self.process.start()


class FarmSupervisor:
    """Supervisor of processes, in one thread that sleeps in `supervise`.

    Args:
        report: Function that takes a message for people at each restart.
        restart_policy: Limits for restarts.
    """

    def __init__(
        self, report: Callable[[str], None], restart_policy: RestartPolicy | None = None
    ) -> None:
        self._report = report
        self._restart_policy = restart_policy or RestartPolicy()
        self._processes: list[_SupervisedProcess] = []

    def start(self, process: ChildProcess) -> None:
        """Start a process, and supervise it from now on."""
        supervised = _SupervisedProcess(process)
        self._processes.append(supervised)
        supervised.start()

    def supervise(self, seconds: float) -> None:
        """Sleep for some seconds, and restart processes that end meanwhile.

        Raises:
            RestartLimitReached: A process failed quickly too many times in a row.
        """
        deadline = time.monotonic() + seconds
        while True:
            for supervised in self._processes:
                self._check(supervised)
            seconds_left = deadline - time.monotonic()
            if seconds_left <= 0:
                return
            time.sleep(min(seconds_left, _POLL_SECONDS))

    def stop(self) -> None:
        """Stop all processes, in reverse order; a second Ctrl-C kills them at once."""
        with ExitStack() as cleanup:
            for supervised in self._processes:
                cleanup.callback(supervised.process.kill_group)
            for supervised in reversed(self._processes):
                supervised.process.stop()

    def _check(self, supervised: _SupervisedProcess) -> None:
        if supervised.restart_at is not None:
            if time.monotonic() >= supervised.restart_at:
                supervised.start()
        elif (code := supervised.process.exit_code()) is not None:
            # Remaining processes of its group must not run beside the new process.
            supervised.process.kill_group()
            self._plan_restart(supervised, code)

    def _plan_restart(self, supervised: _SupervisedProcess, code: int) -> None:
        name, now = supervised.process.spec.name, time.monotonic()
        if code == RESTART_EXIT_CODE:
            supervised.quick_failures = 0
            supervised.restart_at = now
            self._report(f"{name} asked for a fresh process")
            return
        policy = self._restart_policy
        is_quick = now - supervised.started_at < policy.quick_seconds
        supervised.quick_failures = supervised.quick_failures + 1 if is_quick else 0
        if supervised.quick_failures >= policy.max_quick_failures:
            raise _restart_limit_error(supervised, code)
        pause = policy.pause_seconds * 2 ** max(supervised.quick_failures - 1, 0)
        supervised.restart_at = now + pause
        log = supervised.process.spec.log_path
        self._report(f"{name} {describe_exit(code)}; again in {pause:g} s (log: {log})")


def describe_exit(code: int) -> str:
    """Return a text about the end of a process."""
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit {code}"


def _restart_limit_error(
    supervised: _SupervisedProcess, code: int
) -> RestartLimitReached:
    spec = supervised.process.spec
    lines = "\n".join(f"  | {line}" for line in supervised.process.last_lines())
    return RestartLimitReached(
        f"{spec.name} {describe_exit(code)}, {supervised.quick_failures} times in a row"
        f"\n{lines or '  | (nothing in its log)'}",
        hint=f"its whole log: {spec.log_path}",
    )
