"""Clocks of hosts and of the database: each may step on its own, in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

from shared.clock import Clock

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from tests.simulation.farm.processes import Process
    from tests.simulation.farm.world import World
    from tests.simulation.scheduler import Scheduler, Task

START = 1_800_000_000.0  # of every clock, seconds since 1970
LONG_OUTAGE_SECONDS = 120.0
LONGEST_NAP_SECONDS = 50.0  # during a long outage; shorter than every stall limit


@dataclass(slots=True)
class Host:
    """A machine: its name, and how far its clock was set forward, or back."""

    name: str
    step_seconds: float = 0.0
    sleep_seconds: float = 0.0  # that CLOCK_MONOTONIC did not count
    asleep_since: float = 0.0
    asleep_until: float = 0.0

    def suspend(self, now: float, seconds: float) -> None:
        """Sleep for a while, or longer than it would have."""
        if now < self.asleep_until:
            self.asleep_until = max(self.asleep_until, now + seconds)
            return
        self.sleep_seconds += self.asleep_until - self.asleep_since
        self.asleep_since, self.asleep_until = now, now + seconds

    def awake(self, now: float) -> None:
        """Stop sleeping."""
        self.asleep_until = min(self.asleep_until, now)

    def monotonic(self, now: float) -> float:
        """Return the seconds during which it did not sleep."""
        present = min(now, self.asleep_until) - self.asleep_since
        return now - self.sleep_seconds - present


class DatabaseClock:
    """The database's clock."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler, self.step_seconds = scheduler, 0.0
        self.caught_up_at = float("-inf")

    def __call__(self) -> float:
        return START + self._scheduler.now + self.step_seconds

    def set(self, seconds: float) -> None:
        """Set the clock forward by so much, or back if it is negative."""
        self.step_seconds += seconds
        if seconds < 0:  # until then it shows times that it has shown before
            self.caught_up_at = max(self.caught_up_at, self._scheduler.now) - seconds


class _Thread:
    def __init__(self, scheduler: Scheduler, task: Task) -> None:
        self._scheduler, self._task = scheduler, task

    def join(self, timeout: float | None = None) -> None:
        self._scheduler.join(self._task, timeout)


class VirtualClock(Clock):
    """Clock of a process: reads its host's time, and waits by the scheduler."""

    def __init__(self, world: World, process: Process) -> None:
        self._world, self._process = world, process
        self._scheduler = world.scheduler

    @override
    def monotonic(self) -> float:
        return self._process.host.monotonic(self._scheduler.now)

    @override
    def time(self) -> float:
        return START + self._scheduler.now + self._process.host.step_seconds

    @override
    def sleep(self, seconds: float) -> None:
        self._scheduler.sleep(self._nap(seconds))

    @override
    def wait(self, event: threading.Event, seconds: float | None = None) -> bool:
        nap = None if seconds is None else self._nap(seconds)
        return self._scheduler.wait(event, nap)

    @override
    def start_thread(self, name: str, function: Callable[[], None]) -> _Thread:
        return _Thread(self._scheduler, self._process.spawn(name, function))

    def _nap(self, seconds: float) -> float:
        """Wait longer in the midst of a long outage, in which every try fails alike."""
        left = self._world.database_away_until(self._process) - self._scheduler.now
        if left <= LONG_OUTAGE_SECONDS:
            return seconds
        return max(seconds, min(LONGEST_NAP_SECONDS, left / 3))
