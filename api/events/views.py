"""/v1/events and /v1/jobs/{id}/events: what happens to jobs, as a stream or a page."""

from __future__ import annotations

from contextlib import ExitStack
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlencode

from flask import Response, request
from pydantic import AfterValidator, Field

from api.auth.authenticate import STREAM_TOKEN, current_key_id, current_owner_id
from api.dependencies import current_services
from api.events.stream import Stream, Wanted
from api.http.pagination import Query
from api.http.prefer import wants_stream
from api.http.routes import get, make_blueprint, named
from api.http.sse import MEDIA_TYPE
from api.job_view.lookup import JobPath, find_job
from api.job_view.schemas import LogPage
from api.watch.messages import lines_of
from api.watch.subscription import Scope
from shared.queries.events import events_of_job, latest_seq
from shared.queries.jobs import jobs_by_id, unfinished_jobs
from shared.states import TERMINAL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.db.models.jobs import Job
    from shared.queries.events import JobEventRow

blueprint = make_blueprint("events", "What happens to jobs, as it happens.")

_MOST_NAMED = 50
_MOST_SNAPSHOTS = 200
_LINE = {
    "type": "state",
    "seq": 17,
    "job_id": "job_01JD8ZQ6V0",
    "at": "2027-01-15T08:00:00Z",
    "event": "claim",
    "state": "running",
    "from_state": "queued",
}
_STREAM = """retry: 3000

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
_EVENTS: dict[str, Any] = {
    "description": "A page of the log, or the stream of it",
    "content": {
        "application/json": {
            "schema": named(LogPage),
            "example": {"data": [_LINE], "next_after": 17},
        },
        MEDIA_TYPE: {"schema": {"type": "string"}, "example": _STREAM},
    },
}
_NOTHING_MORE = {"description": "The job is over, and the client knows: come no more"}


class LogQuery(Query):
    """From where on."""

    after: int | None = Field(
        default=None,
        ge=0,
        lt=2**63,
        description="the last `seq` already seen; a stream without it begins now",
    )
    limit: int = Field(default=100, ge=1, le=200, description="lines of the log a page")
    inline: Literal["thumb"] | None = Field(
        default=None,
        description="of a stream: `preview` events have their thumbnail in them",
    )
    stream_token: str | None = Field(
        default=None,
        max_length=200,
        description="opens a stream once, where no key can be sent: /v1/stream-tokens",
    )


def _few(text: str) -> str:
    if text.count(",") >= _MOST_NAMED:
        raise ValueError(f"at most {_MOST_NAMED} jobs can be named")
    return text


class AllQuery(LogQuery):
    """From where on, and of which jobs."""

    jobs: Annotated[str, AfterValidator(_few)] | None = Field(
        default=None, description="ids with commas between them; default: all jobs"
    )


@get(blueprint, "/v1/jobs/<job_id>/events", s200=_EVENTS, s204=_NOTHING_MORE,
     s404=None, s429=None, s503=None)  # fmt: skip
def show_job_events(path: JobPath, query: LogQuery) -> Response:
    """Follow a job: `Accept: text/event-stream` for a stream, else a page of its log.

    A stream begins with a `snapshot` of the job. Then comes each line of the log, as
    `log`, as /v1/jobs/{id}/logs has it, and as what it means: `state`,
    `params_changed`, `output`, `end`; and the latest `progress` (at most two a second),
    `preview` and `checkpoint`. It ends with the job, or with `reconnect`: come back
    with Last-Event-ID, or `after`, and hear what was missed; or with `problem`: the key
    was revoked, or has expired.
    """
    job = find_job(path.job_id)
    scope = Scope(job.owner_id, frozenset({job.id}), key_id=current_key_id())
    if not wants_stream():
        return _page(scope, query)
    after = _after(query)
    if after is not None and job.state in TERMINAL and not _log(scope, after, 1):
        return Response(status=HTTPStatus.NO_CONTENT)  # an EventSource stays away then
    wanted = Wanted(after, ends=True, thumbs=query.inline is not None)
    return _stream(scope, wanted, lambda: [find_job(job.id)])


@get(blueprint, "/v1/events", s200=_EVENTS, s404=None, s429=None, s503=None)
def show_events(query: AllQuery) -> Response:
    """Follow all of your jobs, or some: a stream, or a page of their log.

    As /v1/jobs/{id}/events, with a `snapshot` of each job that is named, or else of
    each that is not over, 200 at most; it does not end with a job.
    """
    owner_id = current_owner_id()
    named_ids = None
    if query.jobs is not None:
        named_ids = frozenset(find_job(one.strip()).id for one in query.jobs.split(","))
    scope = Scope(owner_id, named_ids, key_id=current_key_id())
    if not wants_stream():
        return _page(scope, query)

    def snapshots() -> Sequence[Job]:
        database = current_services().database
        if named_ids is None:
            return unfinished_jobs(database, owner_id, _MOST_SNAPSHOTS)
        return jobs_by_id(database, named_ids)

    wanted = Wanted(_after(query), thumbs=query.inline is not None)
    return _stream(scope, wanted, snapshots)


def _after(query: LogQuery) -> int | None:
    """What the client has seen: its own word at a reconnection, else the address."""
    told = request.headers.get("Last-Event-ID", "")
    known = told.isascii() and told.isdecimal() and int(told[:19]) < 2**63
    return int(told[:19]) if known else query.after


def _log(scope: Scope, after: int, limit: int) -> list[JobEventRow]:
    database = current_services().database
    return events_of_job(database, scope.owner_id, after, limit, scope.job_ids)


def _page(scope: Scope, query: LogQuery) -> Response:
    after = query.after or 0
    lines = _log(scope, after, query.limit)
    following = lines[-1].seq if lines else after
    data = lines_of(current_services().database, lines)
    page = LogPage(data=data, next_after=following)
    text = page.model_dump_json(exclude_none=True)
    response = Response(text, mimetype="application/json")
    response.vary.add("Accept")
    if len(lines) == query.limit:
        known = query.model_dump(exclude_none=True, exclude={STREAM_TOKEN})
        response.headers["Link"] = (
            f'<{request.path}?{urlencode(known | {"after": following})}>; rel="next"'
        )
    return response


def _stream(
    scope: Scope, wanted: Wanted, snapshots: Callable[[], Sequence[Job]]
) -> Response:
    services = current_services()
    with ExitStack() as opened:
        opened.callback(services.places.take(scope.owner_id))
        watch = opened.enter_context(services.lookout.watch(scope))
        last_seq = latest_seq(services.database)
        stream = Stream(services, watch, wanted)
        text = stream.text(snapshots(), last_seq)
        response = Response(text, mimetype=MEDIA_TYPE)
        response.vary.add("Accept")
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Accel-Buffering"] = "no"  # of nginx: pass on each event
        response.call_on_close(opened.pop_all().close)
    return response
