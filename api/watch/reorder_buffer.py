"""Buffer that puts events into the order of their numbers.

PostgreSQL numbers a row when it is written and shows it when it is committed, so a
later event may be visible before an earlier one. If a number is missing, later events
are delayed for up to a second. The missing number is queried for a minute, since its
transaction may take so long.
"""

from __future__ import annotations

from bisect import insort
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.queries.events import JobEventRow

GAP_WAIT_SECONDS = 1.0  # delay of later events while one is missing
GAP_EXPIRY_SECONDS = 60.0  # time after which a missing event is given up
MAX_GAP = 500  # maximum missing numbers that are queried per gap


class ReorderBuffer:
    """Buffer that returns events in the order of their numbers.

    Args:
        last: Number of the last event that has been sent.
        missing: Lower numbers that are not visible yet, and may never be.
        now: Time of a monotonic clock, in seconds.
    """

    def __init__(self, last: int, missing: Iterable[int], now: float) -> None:
        self.last = last
        self._missing = dict.fromkeys(missing, now)
        self._held: list[JobEventRow] = []

    @property
    def missing(self) -> list[int]:
        """Numbers to query besides those after `last`."""
        return list(self._missing)

    def add(self, events: Iterable[JobEventRow], now: float) -> list[JobEventRow]:
        """Add new events, in the order of their numbers; return those that are due."""
        for event in events:
            self._missing.pop(event.seq, None)
            gap = range(max(self.last + 1, event.seq - MAX_GAP), event.seq)
            self._missing |= dict.fromkeys(gap, now)
            self.last = max(self.last, event.seq)
            insort(self._held, event, key=attrgetter("seq"))
        self._missing = {
            seq: since
            for seq, since in self._missing.items()
            if now - since < GAP_EXPIRY_SECONDS
        }
        return self._take_due(now)

    def put_back(self, events: list[JobEventRow]) -> None:
        """Put back the last returned events, which could not be sent."""
        self._held = [*events, *self._held]

    def _take_due(self, now: float) -> list[JobEventRow]:
        awaited = [
            seq
            for seq, since in self._missing.items()
            if now - since < GAP_WAIT_SECONDS
        ]
        first = min(awaited, default=self.last + 1)
        due = [event for event in self._held if event.seq < first]
        self._held = self._held[len(due) :]
        return due
