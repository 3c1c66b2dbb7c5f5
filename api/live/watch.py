"""One that waits for news: a stream, or a request that is held open."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Condition
from typing import TYPE_CHECKING

from api.live.news import TOUCHED
from api.live.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.live.news import News


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose jobs are watched, and what of them.

    Attributes:
        job_ids: Only these; None: all.
        touches: Whether new revisions count that no line of the log tells of.
        key_id: Of the key that lets them watch; None: none is asked for.
    """

    owner_id: str
    job_ids: frozenset[str] | None = None
    touches: bool = False
    key_id: str | None = None

    def includes(self, news: News) -> bool:
        """Whether it happened to one of them."""
        if news.owner_id != self.owner_id:
            return False
        if news.kind == TOUCHED and not self.touches:
            return False
        return self.job_ids is None or news.job_id in self.job_ids


class Watch:
    """News of some jobs, from the moment it was made on.

    Args:
        scope: Of which jobs.
        clock: Seconds that only go forward.
    """

    def __init__(self, scope: Scope, clock: Callable[[], float]) -> None:
        self.scope = scope
        self._clock = clock
        self._outbox = Outbox()
        self._changed = Condition()
        self._closed = False
        self._lapsed = False

    @property
    def closed(self) -> bool:
        """Whether the process is about to end."""
        return self._closed

    @property
    def lapsed(self) -> bool:
        """Whether its key has been revoked, or has expired, since it was made."""
        return self._lapsed

    @property
    def over(self) -> bool:
        """Whether there is nothing to wait for any more."""
        return self._closed or self._lapsed

    @property
    def overflowed(self) -> bool:
        """Whether so much was left lying that some of it is lost."""
        return self._outbox.overflowed

    def put(self, news: News) -> None:
        """Tell what happened, if it is of interest here."""
        if self.scope.includes(news):
            with self._changed:
                self._outbox.put(news)
                self._changed.notify()

    def close(self) -> None:
        """Wake whoever waits: there will be no more."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def lapse(self) -> None:
        """Wake whoever waits: what happens is none of its business any more."""
        with self._changed:
            self._lapsed = True
            self._changed.notify()

    def take(self, timeout_seconds: float) -> list[News]:
        """Wait for news and return them; none after the time, or once it has lapsed."""
        end = self._clock() + timeout_seconds
        with self._changed:
            while not self.over:
                now = self._clock()
                due = self._outbox.due_at()
                if due is not None and due <= now:
                    break
                if now >= end:
                    return []
                self._changed.wait((end if due is None else min(due, end)) - now)
            return [] if self._lapsed else self._outbox.take(self._clock())
