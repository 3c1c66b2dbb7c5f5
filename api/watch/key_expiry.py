"""Whether those who wait may still do so: a key can be revoked meanwhile, or expire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.auth.api_keys import valid_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from shared.db.database import Database

CHECK_SECONDS = 2.0


class Admissions:
    """Reads keys again, all that are waited with at once.

    Args:
        database: Knows them all.
        clock: Seconds that only go forward.
    """

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database, self._clock = database, clock
        self._due_at = 0.0

    def hurry(self) -> None:
        """Read them at the next look: one has been revoked here."""
        self._due_at = 0.0

    def lapsed(self, key_ids: Collection[str]) -> Collection[str]:
        """Tell which of these keys are valid no more, if it is time to know.

        Raises:
            DatabaseUnavailable: Nobody can say.
        """
        now = self._clock()
        if not key_ids or now < self._due_at:
            return ()
        # Before the look: `hurry` may come while it lasts.
        self._due_at = now + CHECK_SECONDS
        return set(key_ids) - valid_keys(self._database, key_ids)
