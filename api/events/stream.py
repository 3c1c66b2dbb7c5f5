"""Event stream: snapshots of the jobs, missed events, then events as they happen.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.auth.authenticate import KEY_NO_LONGER_VALID
from api.http.problems import error_response
from api.job_view.serializer import read_job_objects
from api.watch.event_serializer import event_messages
from api.watch.message import END, SNAPSHOT
from shared.errors import Unauthenticated
from shared.queries.events import read_owner_events
from shared.states import TERMINAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from api.dependencies import Dependencies
    from api.watch.message import Message
    from api.watch.subscription import Subscription
    from shared.db.models.jobs import Job

RECONNECT = "reconnect"
PROBLEM = "problem"  # not `error`, which EventSource uses for a lost connection
_BATCH_SIZE = 200  # events read from the log at once
# No empty line follows: it would end an event, and some clients report that event.
HEARTBEAT = ": still here\n"
_RETRY_MILLISECONDS = 3000
OPENING = f"retry: {_RETRY_MILLISECONDS}\n"  # becomes part of the first event


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """Options of a stream, as the client requested them.

    Attributes:
        after: Number of the last event that the client received; None to start now.
        ends_with_job: True to end the stream with the job, for streams of one job.
    """

    after: int | None = None
    ends_with_job: bool = False


@dataclass(frozen=True, slots=True)
class StreamTimings:
    """Time limits of a stream.

    Attributes:
        life_seconds: Age at which the client must reconnect.
        heartbeat_seconds: Longest time without a message.
    """

    life_seconds: float
    heartbeat_seconds: float


class EventStream:
    """Generator of the text of one event stream.

    Args:
        dependencies: Dependencies of the app.
        subscription: Subscription that began before the stream reads any row.
        options: Options that the client requested.
        clock: Monotonic clock, in seconds.
    """

    def __init__(
        self,
        dependencies: Dependencies,
        subscription: Subscription,
        options: StreamOptions,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._dependencies, self._subscription = dependencies, subscription
        self._options, self._clock = options, clock
        self._last_replayed: dict[str, int] = {}  # number of the event, by job id
        self._has_replayed_end = False
        # Built here, since the text is generated after the request context has ended.
        refusal = error_response(Unauthenticated(KEY_NO_LONGER_VALID))
        self._refusal = refusal.get_data(as_text=True)

    def generate(self, snapshots: Sequence[Job], last_seq: int) -> Iterator[str]:
        """Generate the text piece by piece, each as soon as there is a message.

        Args:
            snapshots: Current views of the jobs.
            last_seq: Number of the last event at the time of the snapshots, or an
                earlier one.
        """
        settings = self._dependencies.settings
        timings = StreamTimings(
            settings.stream_seconds, settings.stream_heartbeat_seconds
        )
        yield OPENING + self._snapshots(snapshots, last_seq)
        yield from self._replay()
        terminal = [job for job in snapshots if job.state in TERMINAL]
        if (
            self._options.ends_with_job
            and terminal
            and not self._subscription.is_expired
        ):
            if not self._has_replayed_end:
                yield _end_event(terminal[0])
            return
        yield from self._live(timings)

    def _snapshots(self, snapshots: Sequence[Job], last_seq: int) -> str:
        """Return snapshots, without ids if events follow that clients must not skip.

        Without a snapshot, the id stands alone and belongs to the first event.
        """
        event_id = last_seq if self._options.after is None else None
        jobs = read_job_objects(self._dependencies.database, snapshots)
        if not jobs:
            return _id_line(event_id)
        return "".join(
            format_event(SNAPSHOT, job.model_dump_json(), event_id) for job in jobs
        )

    def _replay(self) -> Iterator[str]:
        after, message_filter = self._options.after, self._subscription.filter
        database = self._dependencies.database
        while after is not None and not self._subscription.is_expired:
            events = read_owner_events(
                database,
                message_filter.owner_id,
                after,
                _BATCH_SIZE,
                message_filter.job_ids,
            )
            for message in event_messages(database, events):
                yield _format_message(message)
                self._last_replayed[message.job_id] = message.seq or 0
                self._has_replayed_end |= message.kind == END
            after = events[-1].seq if len(events) == _BATCH_SIZE else None

    def _live(self, timings: StreamTimings) -> Iterator[str]:
        end = self._clock() + timings.life_seconds
        while True:
            seconds_left = end - self._clock()
            messages = self._subscription.take(
                max(0.0, min(timings.heartbeat_seconds, seconds_left))
            )
            seconds_left = end - self._clock()
            for message in messages:
                if self._subscription.is_expired:
                    break
                if not self._is_replayed(message):
                    yield _format_message(message)
                    if self._options.ends_with_job and message.kind == END:
                        return
            if last_event := self._last_event(seconds_left):
                yield last_event
                return
            if not messages:
                yield HEARTBEAT

    def _last_event(self, seconds_left: float) -> str | None:
        if self._subscription.is_expired:
            return format_event(PROBLEM, self._refusal)
        if self._subscription.is_closed:
            return _reconnect_event("shutdown")
        if self._subscription.overflowed:
            return _reconnect_event("behind")  # the log has the missed events
        return _reconnect_event("age") if seconds_left <= 0 else None

    def _is_replayed(self, message: Message) -> bool:
        return message.seq is not None and message.seq <= self._last_replayed.get(
            message.job_id, 0
        )


def format_event(kind: str, data: str, event_id: int | None = None) -> str:
    """Return the text of one event.

    Args:
        kind: Type of the event, as in `addEventListener(kind, ...)`.
        data: JSON in one line.
        event_id: Last-Event-ID of a client that reconnects; None for no change.
    """
    return f"event: {kind}\n{_id_line(event_id)}data: {data}\n\n"


def _id_line(event_id: int | None) -> str:
    return "" if event_id is None else f"id: {event_id}\n"


def _format_message(message: Message) -> str:
    # Only the last message of an event has its id: a client that loses the connection
    # in between gets all messages of the event again.
    return format_event(
        message.kind, message.data, message.seq if message.is_last else None
    )


def _reconnect_event(reason: str) -> str:
    return format_event(RECONNECT, json.dumps({"reason": reason}))


def _end_event(job: Job) -> str:
    """Return the event for a job that was terminal before the stream began."""
    return format_event(END, json.dumps({"job_id": job.id, "state": job.state}))
