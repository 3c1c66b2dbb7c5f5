"""What one stream has yet to send: the log in full, of the rest the latest only."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from api.live.news import END, MOMENTARY, PROGRESS

if TYPE_CHECKING:
    from api.live.news import News

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
