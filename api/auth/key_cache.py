"""Cache of API keys per process; each is read again after five seconds.

Most requests, also those with invalid keys, need no query. A key that another process
has revoked is refused after five seconds at most.
"""

from __future__ import annotations

import time
from contextlib import suppress
from threading import Lock, Thread
from typing import TYPE_CHECKING

import structlog
from cachetools import TLRUCache

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

CACHE_SECONDS = 5.0
_STORE_USES_SECONDS = 30.0
_MAX_ENTRIES = 10_000  # valid and invalid keys together


class KeyCache:
    """Cached API keys of a database, valid and invalid ones.

    Args:
        database: Database with the keys.
        clock: Monotonic clock, in seconds.
    """

    def __init__(
        self, database: Database, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database, self._lock = database, Lock()
        self._keys: TLRUCache[Place, ValidKey | None] = TLRUCache(
            _MAX_ENTRIES, ttu=_end_of_entry, timer=clock
        )
        self._used: set[str] = set()

    def cached(self, token: str) -> ValidKey | None:
        """Return the valid key of a token if it is cached, else None."""
        with self._lock:
            return self._record_use(self._keys.get(_token_entry(token)))

    def find_by_token(self, token: str) -> ValidKey | None:
        """Return the valid key of a token, or None.

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
        with self._lock:
            self._keys.clear()

    def store_uses(self) -> None:
        """Store the time of use of the keys that were used since the last call."""
        used, self._used = self._used, set()
        if not used:
            return
        try:
            record_key_use(self._database, used)
        except DatabaseUnavailable as error:
            self._used |= used  # for the next call
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
        with self._lock, suppress(KeyError):
            return self._record_use(self._keys[place])
        key = read()
        with self._lock:
            self._keys[place] = key
        return self._record_use(key)

    def _record_use(self, key: ValidKey | None) -> ValidKey | None:
        if key is not None:
            self._used.add(key.id)
        return key


def _token_entry(token: str) -> Place:
    # Keys are stored as digests, so that the memory of the process has no keys.
    return ("token", key_digest(token))


def _end_of_entry(_place: Place, key: ValidKey | None, now: float) -> float:
    if key is None or key.expires_in_seconds is None:
        return now + CACHE_SECONDS
    return now + min(CACHE_SECONDS, key.expires_in_seconds)
