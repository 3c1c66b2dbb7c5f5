"""Places for streams and held requests, each of which has a thread while it lasts."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING

from shared.errors import TooManyStreams

if TYPE_CHECKING:
    from collections.abc import Callable


class Places:
    """Counts those that are taken, in all and by owner.

    Args:
        most: In all.
        most_each: Of one owner.
    """

    def __init__(self, most: int, most_each: int) -> None:
        self._most, self._most_each = most, most_each
        self._taken: Counter[str] = Counter()
        self._lock = Lock()

    def take(self, owner_id: str) -> Callable[[], None]:
        """Take one.

        Returns:
            What gives it back; doing so twice is harmless.

        Raises:
            TooManyStreams: All are taken, or all that this owner may have.
        """
        with self._lock:
            if self._taken.total() >= self._most:
                raise TooManyStreams("server", self._most)
            if self._taken[owner_id] >= self._most_each:
                raise TooManyStreams("owner", self._most_each)
            self._taken[owner_id] += 1
        held = [owner_id]

        def give_back() -> None:
            with suppress(IndexError), self._lock:
                self._free(held.pop())

        return give_back

    def _free(self, owner_id: str) -> None:
        self._taken[owner_id] -= 1
        if not self._taken[owner_id]:
            del self._taken[owner_id]  # owners come and go; the table must not grow
