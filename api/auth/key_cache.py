"""Cache of API keys per process; each is read again after five seconds.

So a key that was revoked elsewhere is refused after that time at most, and most
requests, also with invalid keys, need no query.
"""

from __future__ import annotations

import time
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

import structlog

from shared.auth.api_keys import (
    find_key_by_id,
    find_key_by_token,
    key_digest,
    record_key_use,
)
from shared.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.auth.api_keys import ValidKey
    from shared.db.database import Database

    Place = tuple[str, str]

log = structlog.get_logger(__name__)

Remembered = TypeVar("Remembered")

CACHE_SECONDS = 5.0
_STORE_USES_SECONDS = 30.0
_MAX_ENTRIES = 10_000  # remembered at once, and so many wrong ones


class KeyCache:
    """Cached API keys of a database, valid and invalid ones.

    Args:
        database: Database with the keys.
        clock: Monotonic clock, in seconds.
    """

    def __init__(
        self, database: Database, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database, self._clock = database, clock
        self._keys: dict[Place, tuple[ValidKey, float]] = {}  # with its end
        self._invalid: dict[Place, float] = {}  # with the end of that
        self._used: set[str] = set()

    def cached(self, token: str) -> ValidKey | None:
        """Return the valid key that `token` is if it is cached, else None."""
        return self._cached(_token_entry(token), self._clock())

    def find_by_token(self, token: str) -> ValidKey | None:
        """Return the valid key that `token` is, or None.

        Raises:
            DatabaseUnavailable: The keys cannot be read.
        """
        return self._find(
            _token_entry(token), lambda: find_key_by_token(self._database, token)
        )

    def find_by_id(self, key_id: str) -> ValidKey | None:
        """Return the valid key with this id, or None.

        Raises:
            DatabaseUnavailable: The keys cannot be read.
        """
        return self._find(
            ("id", key_id), lambda: find_key_by_id(self._database, key_id)
        )

    def clear(self) -> None:
        """Empty the cache: a key was created or revoked in this process."""
        self._keys.clear()

    def store_uses(self) -> None:
        """Store which keys were used since the last call."""
        used, self._used = self._used, set()
        if not used:
            return
        try:
            record_key_use(self._database, used)
        except DatabaseUnavailable as error:
            self._used |= used  # the next time
            log.info("key_usage_write_failed", error=str(error))
        except Exception:
            log.exception("key_usage_lost")

    def start_storing_uses(self) -> None:
        """Store uses every half minute in a thread, so that no request waits for it."""
        Thread(target=self._store_uses_forever, name="key-uses", daemon=True).start()

    def _store_uses_forever(self) -> None:
        while True:
            time.sleep(_STORE_USES_SECONDS)
            self.store_uses()

    def _find(
        self, place: Place, read: Callable[[], ValidKey | None]
    ) -> ValidKey | None:
        now = self._clock()
        if (key := self._cached(place, now)) is not None:
            return key
        if self._invalid.get(place, 0.0) > now:
            return None
        key = read()
        if key is None:
            self._keys.pop(place, None)
            _add_entry(self._invalid, place, now + CACHE_SECONDS)
            return None
        _add_entry(self._keys, place, (key, now + _cache_seconds(key)))
        self._used.add(key.id)
        return key

    def _cached(self, place: Place, now: float) -> ValidKey | None:
        key, until = self._keys.get(place, (None, 0.0))
        if key is None or until <= now:
            return None
        self._used.add(key.id)
        return key


def _token_entry(token: str) -> Place:
    # The memory of a process, too, is no place for keys.
    return ("token", key_digest(token))


def _add_entry(where: dict[Place, Remembered], place: Place, what: Remembered) -> None:
    if len(where) >= _MAX_ENTRIES:
        where.clear()
    where[place] = what


def _cache_seconds(key: ValidKey) -> float:
    if key.expires_in_seconds is None:
        return CACHE_SECONDS
    return min(CACHE_SECONDS, key.expires_in_seconds)
