"""Cache of query results for about a second, since many requests need the same."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from cachetools import LRUCache

from shared.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

Value = TypeVar("Value")

_MAX_ENTRIES = 1000  # evicted entries are read again


@dataclass(slots=True)
class _CacheEntry:
    """Last value or failure of one key, and the lock of the reading thread."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    read_at: float = float("-inf")
    value: Any = None
    failure: str | None = None

    def refresh(self, read: Callable[[], Any], clock: Callable[[], float]) -> None:
        """Read the value, or store the error of the read."""
        try:
            self.value, self.failure = read(), None
        except DatabaseUnavailable as error:
            self.failure = str(error)
        self.read_at = clock()


class ReadCache:
    """Cache of values by key; one thread at a time reads a key.

    Args:
        fresh_seconds: Maximum age of a value, or of a failure to read it.
        clock: Monotonic clock, in seconds.
        patience_seconds: Maximum time to wait while another thread reads the value.
    """

    def __init__(
        self,
        fresh_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        patience_seconds: float = 5.0,
    ) -> None:
        self._fresh, self._clock = fresh_seconds, clock
        self._patience = patience_seconds
        self._entries: LRUCache[str, _CacheEntry] = LRUCache(_MAX_ENTRIES)
        self._lock = threading.Lock()

    def get(self, key: str, read: Callable[[], Value]) -> Value:
        """Return the cached value of a key, or read it.

        Raises:
            DatabaseUnavailable: The value could not be read, or not in time.
        """
        with self._lock:
            entry: _CacheEntry = self._entries.setdefault(key, _CacheEntry())
        if not entry.lock.acquire(timeout=self._patience):
            raise DatabaseUnavailable("database: another still waits for this answer")
        try:
            if self._clock() - entry.read_at >= self._fresh:
                entry.refresh(read, self._clock)
            if entry.failure is not None:
                raise DatabaseUnavailable(entry.failure)
            value: Value = entry.value
            return value
        finally:
            entry.lock.release()
