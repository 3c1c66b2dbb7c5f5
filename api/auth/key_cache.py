"""Keys as this process knows them: each is read again after a few seconds.

So nobody is let in for longer than that with a key that was revoked elsewhere, and a
request costs no look at the database; nor does one whose key was wrong a moment ago.
"""

from __future__ import annotations

import time
from threading import Lock, Thread
from typing import TYPE_CHECKING, TypeVar

import structlog

from shared.auth.api_keys import find_key, get_key, key_digest, key_digests, used_keys
from shared.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.auth.api_keys import KnownKey
    from shared.db.database import Database

    Place = tuple[str, str]

log = structlog.get_logger(__name__)

Remembered = TypeVar("Remembered")

KNOWN_SECONDS = 5.0
ALL_SECONDS = 1.0  # between two looks at which keys there are at all
_NOTE_SECONDS = 30.0
_MOST = 10_000  # remembered at once, and so many wrong ones


class KnownKeys:
    """The keys of a database.

    Args:
        database: Knows them all.
        clock: Seconds that only grow.
    """

    def __init__(
        self, database: Database, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database, self._clock = database, clock
        self._known: dict[Place, tuple[KnownKey, float]] = {}  # with its end
        self._wrong: dict[Place, float] = {}  # with the end of that
        self._turn = Lock()
        self._all: frozenset[str] = frozenset()  # digests
        self._all_until = 0.0
        self._used: set[str] = set()

    def recall(self, token: str) -> KnownKey | None:
        """Find the valid key that `token` is, if it was read just now."""
        return self._recalled(_place(token), self._clock())

    def by_token(self, token: str) -> KnownKey | None:
        """Find the valid key that `token` is.

        Raises:
            DatabaseUnavailable: Nobody can say.
        """
        return self._find(_place(token), lambda: find_key(self._database, token))

    def includes(self, token: str) -> bool:
        """Whether `token` is a key, maybe expired: asked of all keys there are.

        However many ask, they are read once a second; so one that was made elsewhere
        in this second may be missing.

        Raises:
            DatabaseUnavailable: Nobody can say.
        """
        with self._turn:
            now = self._clock()
            if self._all_until <= now:
                self._all_until = now + ALL_SECONDS  # first: no one else tries in vain
                self._all = key_digests(self._database)
        return key_digest(token) in self._all

    def by_id(self, key_id: str) -> KnownKey | None:
        """Find a valid key by its id.

        Raises:
            DatabaseUnavailable: Nobody can say.
        """
        return self._find(("id", key_id), lambda: get_key(self._database, key_id))

    def forget(self) -> None:
        """Read all keys again: one has been made or revoked here."""
        self._known.clear()
        self._all_until = 0.0

    def note_uses(self) -> None:
        """Write down which keys have been used since the last time."""
        used, self._used = self._used, set()
        if not used:
            return
        try:
            used_keys(self._database, used)
        except DatabaseUnavailable as error:
            self._used |= used  # the next time
            log.info("key_usage_write_failed", error=str(error))
        except Exception:
            log.exception("key_usage_lost")

    def note_uses_from_now_on(self) -> None:
        """Do so every half minute, so that no request waits for a write."""
        Thread(target=self._note_for_ever, name="key-uses", daemon=True).start()

    def _note_for_ever(self) -> None:
        while True:
            time.sleep(_NOTE_SECONDS)
            self.note_uses()

    def _find(
        self, place: Place, read: Callable[[], KnownKey | None]
    ) -> KnownKey | None:
        now = self._clock()
        if (key := self._recalled(place, now)) is not None:
            return key
        if self._wrong.get(place, 0.0) > now:
            return None
        key = read()
        if key is None:
            self._known.pop(place, None)
            _remember(self._wrong, place, now + KNOWN_SECONDS)
            return None
        _remember(self._known, place, (key, now + _trusted_seconds(key)))
        self._used.add(key.id)
        return key

    def _recalled(self, place: Place, now: float) -> KnownKey | None:
        key, until = self._known.get(place, (None, 0.0))
        if key is None or until <= now:
            return None
        self._used.add(key.id)
        return key


def _place(token: str) -> Place:
    # The memory of a process, too, is no place for keys.
    return ("token", key_digest(token))


def _remember(where: dict[Place, Remembered], place: Place, what: Remembered) -> None:
    if len(where) >= _MOST:
        where.clear()
    where[place] = what


def _trusted_seconds(key: KnownKey) -> float:
    if key.expires_in_seconds is None:
        return KNOWN_SECONDS
    return min(KNOWN_SECONDS, key.expires_in_seconds)
