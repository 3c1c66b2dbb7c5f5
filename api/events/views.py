"""Views of /v1/events and /v1/jobs/{id}/events: events as a stream or as a page."""

from __future__ import annotations

from contextlib import ExitStack
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

from flask import Response, request
from pydantic import AfterValidator, Field

from api.auth.authenticate import current_key_id, current_owner_id
from api.dependencies import current_dependencies
from api.events.stream import EventStream, StreamOptions
from api.http.header_sets import EVENT_STREAM, NEXT_PAGE
from api.http.pagination import Query
from api.http.prefer import STREAM_TYPE, prefers_stream
from api.http.routes import get, make_blueprint
from api.job_view.lookup import JobPath, find_job
from api.job_view.schemas import LogPage
from api.watch.event_serializer import serialize_events
from api.watch.subscription import SubscriptionFilter
from shared.queries.events import read_latest_seq, read_owner_events
from shared.queries.jobs import read_jobs, read_unfinished_jobs
from shared.states import TERMINAL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.db.models.jobs import Job
    from shared.queries.events import JobEventRow

blueprint = make_blueprint(
    "events", "Event streams of jobs, and pages of their event log."
)

_MAX_NAMED_JOBS = 50
_MAX_SNAPSHOTS = 200
_EXAMPLE_STREAM = """retry: 3000
event: snapshot
id: 16
data: {"id":"job_01JD8ZQ6V0","state":"queued", ...}

event: log
data: {"job_id":"job_01JD8ZQ6V0","seq":17,"event":"claim","fence":1,"detail":null, ...}

event: state
id: 17
data: {"type":"state","seq":17,"job_id":"job_01JD8ZQ6V0","event":"claim", ...}

event: progress
data: {"job_id":"job_01JD8ZQ6V0","progress":{"fraction":0.42, ...}}

: still here
event: end
id: 23
data: {"type":"end","seq":23,"job_id":"job_01JD8ZQ6V0","state":"succeeded", ...}

"""
_EVENTS = (
    LogPage,
    {STREAM_TYPE: {"schema": {"type": "string"}, "example": _EXAMPLE_STREAM}},
)


class EventsQuery(Query):
    """Query of a stream or a page of the events of one job."""

    after: int | None = Field(
        default=None,
        ge=0,
        lt=2**63,
        description="last `seq` that you received; a stream without it begins now",
    )
    limit: int = Field(default=100, ge=1, le=200, description="maximum events per page")


def _check_job_count(text: str) -> str:
    if text.count(",") >= _MAX_NAMED_JOBS:
        raise ValueError(f"at most {_MAX_NAMED_JOBS} jobs can be named")
    return text


class AllEventsQuery(EventsQuery):
    """Query of a stream or a page of the events of several jobs."""

    jobs: Annotated[str, AfterValidator(_check_job_count)] | None = Field(
        default=None, description="ids separated by commas; default: all jobs"
    )


@get(
    blueprint, "/v1/jobs/<job_id>/events", NEXT_PAGE, EVENT_STREAM, s200=_EVENTS,
    s204="",
)  # fmt: skip
def show_job_events(path: JobPath, query: EventsQuery) -> Response:
    """Follow a job: `Accept: text/event-stream` for a stream, else a page of its log.

    A stream begins with a `snapshot` of the job. Each event of the log is then sent as
    `log`, as in /v1/jobs/{id}/logs, and as its consequence: `state`, `params_changed`,
    `output` or `end`. The latest `progress` (at most two per second), `preview` and
    `checkpoint` are sent, too. The stream ends with the job. A stream that ends with
    `reconnect` continues when you connect again with Last-Event-ID or `after`. A stream
    that ends with `problem` has no valid key any more: it was revoked or has expired.

    204: the job has ended, and the client has all of its events.
    """
    job = find_job(path.job_id)
    message_filter = SubscriptionFilter(
        job.owner_id, frozenset({job.id}), key_id=current_key_id()
    )
    if not prefers_stream():
        return _page_response(message_filter, query)
    after = _resume_after(query)
    if (
        after is not None
        and job.state in TERMINAL
        and not _read_events(message_filter, after, 1)
    ):
        return Response(status=HTTPStatus.NO_CONTENT)
    options = StreamOptions(after, ends_with_job=True)
    return _stream_response(message_filter, options, lambda: [find_job(job.id)])


@get(blueprint, "/v1/events", NEXT_PAGE, EVENT_STREAM, s200=_EVENTS, s404=None)
def show_events(query: AllEventsQuery) -> Response:
    """Follow all or some of your jobs: a stream, or a page of their log.

    The stream is like /v1/jobs/{id}/events, but does not end with a job. It begins with
    a `snapshot` of each job in `jobs`, by default of each job that has not ended, at
    most 200.
    """
    owner_id = current_owner_id()
    named_ids = None
    if query.jobs is not None:
        named_ids = frozenset(
            find_job(job_id.strip()).id for job_id in query.jobs.split(",")
        )
    message_filter = SubscriptionFilter(owner_id, named_ids, key_id=current_key_id())
    if not prefers_stream():
        return _page_response(message_filter, query)

    def snapshots() -> Sequence[Job]:
        database = current_dependencies().database
        if named_ids is None:
            return read_unfinished_jobs(database, owner_id, _MAX_SNAPSHOTS)
        return read_jobs(database, named_ids)

    options = StreamOptions(_resume_after(query))
    return _stream_response(message_filter, options, snapshots)


def _resume_after(query: EventsQuery) -> int | None:
    """Return the number of the client's last event: Last-Event-ID, else `after`."""
    header = request.headers.get("Last-Event-ID", "")
    is_valid = header.isascii() and header.isdecimal() and int(header[:19]) < 2**63
    return int(header[:19]) if is_valid else query.after


def _read_events(
    message_filter: SubscriptionFilter, after: int, limit: int
) -> list[JobEventRow]:
    database = current_dependencies().database
    return read_owner_events(
        database, message_filter.owner_id, after, limit, message_filter.job_ids
    )


def _page_response(message_filter: SubscriptionFilter, query: EventsQuery) -> Response:
    after = query.after or 0
    events = _read_events(message_filter, after, query.limit)
    next_after = events[-1].seq if events else after
    data = serialize_events(current_dependencies().database, events)
    page = LogPage(data=data, next_after=next_after)
    text = page.model_dump_json(exclude_none=True)
    response = Response(text, mimetype="application/json")
    response.vary.add("Accept")
    if len(events) == query.limit:
        params = query.model_dump(exclude_none=True)
        response.headers["Link"] = (
            f'<{request.path}?{urlencode(params | {"after": next_after})}>; rel="next"'
        )
    return response


def _stream_response(
    message_filter: SubscriptionFilter,
    options: StreamOptions,
    snapshots: Callable[[], Sequence[Job]],
) -> Response:
    dependencies = current_dependencies()
    with ExitStack() as stack:
        stack.callback(dependencies.stream_slots.take(message_filter.owner_id))
        subscription = stack.enter_context(
            dependencies.watcher.subscribe(message_filter)
        )
        last_seq = read_latest_seq(dependencies.database)
        stream = EventStream(dependencies, subscription, options)
        text = stream.generate(snapshots(), last_seq)
        response = Response(text, mimetype=STREAM_TYPE)
        response.vary.add("Accept")
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Accel-Buffering"] = "no"  # nginx buffers no events
        response.call_on_close(stack.pop_all().close)
    return response
