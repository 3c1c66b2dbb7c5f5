"""When the costly extras of a run are due: seldom enough to cost half a percent."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COST_FACTOR = 200  # an extra that takes a second comes every two hundred at most


class Pace:
    """Spaces out something that takes time.

    Args:
        interval_seconds: At least so long between two.
        at_once: Whether the first is due right away.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        interval_seconds: float,
        *,
        at_once: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval, self._clock = interval_seconds, clock
        self._due_at = clock() + (0 if at_once else interval_seconds)

    def is_due(self) -> bool:
        """Whether it is time."""
        return self._clock() >= self._due_at

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Run the thing inside; how long it takes decides when the next is due."""
        began = self._clock()
        try:
            yield
        finally:
            ended = self._clock()
            rest = max(self._interval, COST_FACTOR * (ended - began))
            self._due_at = ended + rest
