"""What one stream has yet to send: the log in full, of the rest the latest only.

One that waits for news: a stream, or a request that is held open.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from threading import Condition
from typing import TYPE_CHECKING

from api.watch.message import END, MOMENTARY, PROGRESS, TOUCHED

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.watch.message import News

PROGRESS_SECONDS = 0.5  # between two of one job
MOST_LINES = 1000  # that a client may be behind before it is told to come back


class Outbox:
    """A queue that cannot grow: slow readers miss moments, never lines of the log."""

    def __init__(self) -> None:
        self._lines: deque[News] = deque()
        self._latest: dict[tuple[str, str], News] = {}
        self._progress_due: dict[str, float] = {}
        self.overflowed = False

    def put(self, news: News) -> None:
        """Add what happened."""
        if news.kind in MOMENTARY:
            self._latest[news.kind, news.job_id] = news
            return
        if len(self._lines) >= MOST_LINES:
            self.overflowed = True
            return
        self._lines.append(news)
        if news.kind == END:
            self._forget(news.job_id)

    def take(self, now: float) -> list[News]:
        """Return what may be sent now, the log first, and forget it."""
        sent = list(self._lines)
        self._lines.clear()
        for key, news in list(self._latest.items()):
            if self._due(news) <= now:
                sent.append(self._latest.pop(key))
                if news.kind == PROGRESS:
                    self._progress_due[news.job_id] = now + PROGRESS_SECONDS
        return sent

    def due_at(self) -> float | None:
        """When there is something to take; None: nothing is waiting."""
        if self._lines:
            return 0.0
        return min(map(self._due, self._latest.values()), default=None)

    def _due(self, news: News) -> float:
        if news.kind != PROGRESS:
            return 0.0
        return self._progress_due.get(news.job_id, 0.0)

    def _forget(self, job_id: str) -> None:
        self._progress_due.pop(job_id, None)
        for kind in MOMENTARY:
            self._latest.pop((kind, job_id), None)


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
