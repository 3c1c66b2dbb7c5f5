"""Keys as this process knows them: each is read again after a few seconds.

So nobody is let in for longer than that with a key that was revoked elsewhere, and a
request costs no look at the database.
"""

from __future__ import annotations

import hashlib
import time
from threading import Thread
from typing import TYPE_CHECKING

import structlog

from shared import jobs
from shared.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.db import Database

    Place = tuple[str, bytes | str]

log = structlog.get_logger(__name__)

KNOWN_SECONDS = 5.0
_NOTE_SECONDS = 30.0
_MOST = 10_000  # remembered at once


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
        self._known: dict[Place, tuple[jobs.KnownKey, float]] = {}  # with its end
        self._used: set[str] = set()

    def by_token(self, token: str) -> jobs.KnownKey | None:
        """Find the valid key that `token` is.

        Raises:
            DatabaseUnavailable: Nobody can say.
        """
        # The memory of a process, too, is no place for keys.
        place = ("token", hashlib.sha256(token.encode()).digest())
        return self._find(place, lambda: jobs.find_key(self._database, token))

    def by_id(self, key_id: str) -> jobs.KnownKey | None:
        """Find a valid key by its id.

        Raises:
            DatabaseUnavailable: Nobody can say.
        """
        return self._find(("id", key_id), lambda: jobs.get_key(self._database, key_id))

    def forget(self) -> None:
        """Read all keys again: one has been revoked here."""
        self._known.clear()

    def note_uses(self) -> None:
        """Write down which keys have been used since the last time."""
        used, self._used = self._used, set()
        if not used:
            return
        try:
            jobs.used_keys(self._database, used)
        except DatabaseUnavailable as error:
            log.info("key_uses_not_noted", error=str(error))

    def note_uses_from_now_on(self) -> None:
        """Do so every half minute, so that no request waits for a write."""
        Thread(target=self._note_for_ever, name="key-uses", daemon=True).start()

    def _note_for_ever(self) -> None:
        while True:
            time.sleep(_NOTE_SECONDS)
            self.note_uses()

    def _find(
        self, place: Place, read: Callable[[], jobs.KnownKey | None]
    ) -> jobs.KnownKey | None:
        now = self._clock()
        key, until = self._known.get(place, (None, 0.0))
        if key is None or until <= now:
            key = read()
            if key is None:
                self._known.pop(place, None)
                return None
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[place] = (key, now + _trusted_seconds(key))
        self._used.add(key.id)
        return key


def _trusted_seconds(key: jobs.KnownKey) -> float:
    if key.expires_in_seconds is None:
        return KNOWN_SECONDS
    return min(KNOWN_SECONDS, key.expires_in_seconds)
