"""The log in its order, though a later line may be visible before an earlier one.

PostgreSQL numbers a line when it is written and shows it when it is committed. A gap is
waited for, for a moment; and looked for long after, as no transaction lives longer.
"""

from __future__ import annotations

from bisect import insort
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.queries.events import JobEventRow

PATIENCE_SECONDS = 1.0  # that later lines are held back for a missing one
MEMORY_SECONDS = 60.0  # that a missing one is looked for
MOST_MISSING = 500  # of one gap: a longer one is no race


class InOrder:
    """Takes lines as they become visible, and gives them in order.

    Args:
        last: Number of the last line that is not news.
        missing: Numbers before it that are not visible yet, and may never be.
        now: Seconds of a clock that only goes forward.
    """

    def __init__(self, last: int, missing: Iterable[int], now: float) -> None:
        self.last = last
        self._missing = dict.fromkeys(missing, now)
        self._held: list[JobEventRow] = []

    @property
    def missing(self) -> list[int]:
        """Numbers to look for besides those after `last`."""
        return list(self._missing)

    def take(self, lines: Iterable[JobEventRow], now: float) -> list[JobEventRow]:
        """Take what is new, in the order of its numbers; return what is due."""
        for line in lines:
            self._missing.pop(line.seq, None)
            gap = range(max(self.last + 1, line.seq - MOST_MISSING), line.seq)
            self._missing |= dict.fromkeys(gap, now)
            self.last = max(self.last, line.seq)
            insort(self._held, line, key=attrgetter("seq"))
        self._missing = {
            seq: since
            for seq, since in self._missing.items()
            if now - since < MEMORY_SECONDS
        }
        return self._due(now)

    def put_back(self, lines: list[JobEventRow]) -> None:
        """Make due again what was taken last, and could not be told."""
        self._held = [*lines, *self._held]

    def _due(self, now: float) -> list[JobEventRow]:
        waited_for = [
            seq
            for seq, since in self._missing.items()
            if now - since < PATIENCE_SECONDS
        ]
        first = min(waited_for, default=self.last + 1)
        due = [line for line in self._held if line.seq < first]
        self._held = self._held[len(due) :]
        return due
