"""What was read, kept for a moment: many ask the same within a second."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from shared.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

Read = TypeVar("Read")

_COST_FACTOR = 20  # reading anew at once may take this part of the time
_MOST = 1000  # names; an answer that falls out is only read again


@dataclass(slots=True)
class _Note:
    """The last answer, or why there was none, and whose turn it is to read it."""

    turn: threading.Lock = field(default_factory=threading.Lock)
    read_at: float = float("-inf")
    took: float = 0.0
    what: Any = None
    failure: str | None = None

    def take(self, read: Callable[[], Any], clock: Callable[[], float]) -> None:
        """Read it."""
        began = clock()
        try:
            self.what, self.failure = read(), None
        except DatabaseUnavailable as error:
            self.failure, self.read_at = str(error), clock()
            raise
        self.read_at = clock()
        self.took = self.read_at - began


class Notes:
    """Answers by name, each read by one thread at a time.

    Args:
        fresh_seconds: How old an answer may be, or an outage that was the answer.
        clock: Seconds that never go back.
        patience_seconds: How long to wait while another thread reads the same.
    """

    def __init__(
        self,
        fresh_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        patience_seconds: float = 5.0,
    ) -> None:
        self._fresh, self._clock = fresh_seconds, clock
        self._patience = patience_seconds
        self._notes: OrderedDict[str, _Note] = OrderedDict()
        self._lock = threading.Lock()

    def recall(
        self, name: str, read: Callable[[], Read], *, at_once: bool = False
    ) -> Read:
        """Return what `read` returned lately, or read it.

        Args:
            name: Of the answer.
            read: Reads it.
            at_once: Something is known to have changed: read again, unless that would
                be most of what this process does.

        Raises:
            DatabaseUnavailable: It could not be read just now, or is not in time.
        """
        note = self._note(name)
        if not note.turn.acquire(timeout=self._patience):
            raise DatabaseUnavailable("database: another still waits for this answer")
        try:
            age, limit = self._clock() - note.read_at, self._fresh
            if note.failure is not None and age < limit:
                raise DatabaseUnavailable(note.failure)
            if at_once:
                limit = min(limit, _COST_FACTOR * note.took)
            if note.failure is not None or age >= limit:
                note.take(read, self._clock)
            found: Read = note.what
            return found
        finally:
            note.turn.release()

    def _note(self, name: str) -> _Note:
        with self._lock:
            note = self._notes.setdefault(name, _Note())
            self._notes.move_to_end(name)
            if len(self._notes) > _MOST:
                self._notes.popitem(last=False)
            return note
