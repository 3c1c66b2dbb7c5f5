"""A stream of events: what is, what was missed, and then what happens to its end."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.auth.authenticate import KEY_LAPSED
from api.http.problems import expected
from api.http.sse import HEARTBEAT, OPENING, event_text
from api.job_view.serializer import present_all
from api.jobs.frames import with_thumb
from api.watch.message import END, PREVIEW, SNAPSHOT
from api.watch.messages import news_of
from shared.errors import Unauthenticated
from shared.queries.events import events_of_job
from shared.states import TERMINAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from api.dependencies import Services
    from api.watch.message import News
    from api.watch.subscription import Watch
    from shared.db.models.jobs import Job

RECONNECT = "reconnect"
PROBLEM = "problem"  # not `error`: so an EventSource calls a lost connection
_LINES_AT_ONCE = 200  # read from the log


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a client wants to hear of.

    Attributes:
        after: The last line of the log it knows; None: it begins now.
        ends: Whether the stream ends with the job, as one of a single job does.
        thumbs: Whether previews come with their thumbnails.
    """

    after: int | None = None
    ends: bool = False
    thumbs: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a stream lives and how long it is silent, in seconds."""

    life_seconds: float
    heartbeat_seconds: float


class Stream:
    """The text of one stream; made while its request is at hand.

    Args:
        services: Of the app.
        watch: What happens; it began before anything is read here.
        wanted: By the client.
        clock: Seconds that only go forward.
    """

    def __init__(
        self,
        services: Services,
        watch: Watch,
        wanted: Wanted,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._services, self._watch = services, watch
        self._wanted, self._clock = wanted, clock
        self._told: dict[str, int] = {}  # the last line by job, of those replayed
        # Made now: the text is written after the request has gone.
        refusal = expected(Unauthenticated(KEY_LAPSED))
        self._refusal = refusal.get_data(as_text=True)

    def text(self, snapshots: Sequence[Job], last_seq: int) -> Iterator[str]:
        """Write it piece by piece, each as soon as there is something to say.

        Args:
            snapshots: Of these jobs, as they are now.
            last_seq: The last line of the log when they were read, or before.
        """
        settings = self._services.settings
        pace = Pace(settings.stream_seconds, settings.stream_heartbeat_seconds)
        yield OPENING + self._snapshots(snapshots, last_seq)
        yield from self._replayed()
        over = [job for job in snapshots if job.state in TERMINAL]
        if self._wanted.ends and over and not self._watch.lapsed:
            if over[0].id not in self._told:
                yield _end_of(over[0])
            return
        yield from self._live(pace)

    def _snapshots(self, snapshots: Sequence[Job], last_seq: int) -> str:
        """Without an id where lines are replayed: a client must not skip them."""
        event_id = last_seq if self._wanted.after is None else None
        texts = present_all(self._services.database, snapshots)
        return "".join(
            event_text(SNAPSHOT, job.model_dump_json(), event_id) for job in texts
        )

    def _replayed(self) -> Iterator[str]:
        after, scope = self._wanted.after, self._watch.scope
        database = self._services.database
        while after is not None and not self._watch.lapsed:
            lines = events_of_job(
                database, scope.owner_id, after, _LINES_AT_ONCE, scope.job_ids
            )
            for one in news_of(database, lines):
                yield _text(one)
                self._told[one.job_id] = one.seq or 0
            after = lines[-1].seq if len(lines) == _LINES_AT_ONCE else None

    def _live(self, pace: Pace) -> Iterator[str]:
        end = self._clock() + pace.life_seconds
        while True:
            left = end - self._clock()
            taken = self._watch.take(max(0.0, min(pace.heartbeat_seconds, left)))
            left = end - self._clock()
            for news in taken:
                if self._watch.lapsed:
                    break
                if not self._is_replayed(news):
                    yield self._text(news)
                    if self._wanted.ends and news.kind == END:
                        return
            if goodbye := self._goodbye(left):
                yield goodbye
                return
            if not taken:
                yield HEARTBEAT

    def _text(self, news: News) -> str:
        if news.kind == PREVIEW and self._wanted.thumbs:
            return event_text(news.kind, with_thumb(self._services.storage, news))
        return _text(news)

    def _goodbye(self, left_seconds: float) -> str | None:
        if self._watch.lapsed:
            return event_text(PROBLEM, self._refusal)
        if self._watch.closed:
            return _reconnect("shutdown")
        if self._watch.overflowed:
            return _reconnect("behind")  # the log has what was not sent
        return _reconnect("age") if left_seconds <= 0 else None

    def _is_replayed(self, news: News) -> bool:
        return news.seq is not None and news.seq <= self._told.get(news.job_id, 0)


def _text(news: News) -> str:
    # What comes before the last of a line has no id: who loses the connection in
    # between is told the whole line again.
    return event_text(news.kind, news.data, news.seq if news.is_last else None)


def _reconnect(reason: str) -> str:
    return event_text(RECONNECT, json.dumps({"reason": reason}))


def _end_of(job: Job) -> str:
    """Say that a job was over before anybody listened."""
    return event_text(END, json.dumps({"job_id": job.id, "state": job.state}))
