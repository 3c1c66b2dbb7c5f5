"""Throttle for previews and checkpoints: rare enough to take half a percent of time."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.clock import Clock

COST_FACTOR = 200  # what takes one second is done every 200 seconds at most


class Throttle:
    """Throttle of one recurring action, by an interval and by its cost.

    Args:
        interval_seconds: Minimum seconds between two actions.
        first_is_due: Whether the first action is due immediately.
        clock: Clock of the process.
    """

    def __init__(
        self, interval_seconds: float, clock: Clock, *, first_is_due: bool
    ) -> None:
        self._interval_seconds, self._clock = interval_seconds, clock
        self._due_at = clock.monotonic() + (0 if first_is_due else interval_seconds)

    def is_due(self) -> bool:
        """Whether the next action is due."""
        return self._clock.monotonic() >= self._due_at

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Measure the action in the `with` block; its cost delays the next one."""
        started_at = self._clock.monotonic()
        try:
            yield
        finally:
            ended_at = self._clock.monotonic()
            delay = max(self._interval_seconds, COST_FACTOR * (ended_at - started_at))
            self._due_at = ended_at + delay
