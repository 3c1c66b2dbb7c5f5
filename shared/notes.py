"""What was read, kept for a moment: many ask the same within a second."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Read = TypeVar("Read")

_COST_FACTOR = 20  # reading anew at once may take this part of the time


class Notes:
    """Answers by name, each read by one thread at a time.

    Args:
        fresh_seconds: How old an answer may be.
        clock: Seconds that never go back.
    """

    def __init__(
        self, fresh_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fresh, self._clock = fresh_seconds, clock
        self._kept: dict[str, tuple[float, float, Any]] = {}  # read at, took, what
        self._turn = threading.Lock()

    def recall(
        self, name: str, read: Callable[[], Read], *, at_once: bool = False
    ) -> Read:
        """Return what `read` returned lately, or read it.

        Args:
            name: Of the answer.
            read: Reads it.
            at_once: Something is known to have changed: read again, unless that would
                be most of what this process does.
        """
        with self._turn:
            now = self._clock()
            if name in self._kept:
                read_at, took, what = self._kept[name]
                limit = (
                    min(self._fresh, _COST_FACTOR * took) if at_once else self._fresh
                )
                if now - read_at < limit:
                    kept: Read = what
                    return kept
            found = read()
            ended = self._clock()
            self._kept[name] = ended, ended - now, found
            return found
