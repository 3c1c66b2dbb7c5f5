"""/v1/jobs/{id}/...: what is known of the course of a job; and of the whole queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from flask import Response
from pydantic import Field

from api.answers import answer, cacheable
from api.auth import current_owner_id
from api.finding import JobPath, find_job
from api.live import record_of
from api.openapi import get, make_blueprint, named
from api.queries import Query
from api.queue_waits import waits_of
from api.record_schemas import Family, Log, Manifest, Metrics, Queue
from api.records import as_csv, family_of, log_text, manifest_of, points_of
from api.services import current_services
from shared import jobs

if TYPE_CHECKING:
    from pydantic import BaseModel

blueprint = make_blueprint("records", "How jobs went, and how to do them again.")

_MOST_EVENTS = 2**63 - 1


def _as_text_too(model: type[BaseModel], media_type: str) -> dict[str, Any]:
    """Describe an answer that `format` makes text."""
    return {
        "description": "As JSON, or as `format` says",
        "content": {
            "application/json": {"schema": named(model)},
            media_type: {"schema": {"type": "string"}},
        },
    }


class MetricsQuery(Query):
    """How the losses are written."""

    format: Literal["json", "csv"] = "json"


class LogQuery(Query):
    """Which part of the log, and how it is written."""

    since: int = Field(default=0, ge=0, le=_MOST_EVENTS, description="a `next_since`")
    limit: int = Field(default=200, ge=1, le=1000)
    format: Literal["json", "text"] = "json"


@get(blueprint, "/v1/jobs/<job_id>/metrics", s200=_as_text_too(Metrics, "text/csv"),
     s404=None, s410=None)  # fmt: skip
def show_metrics(path: JobPath, query: MetricsQuery) -> Response:
    """Look at the losses, iteration by iteration, as JSON or `?format=csv`."""
    job = find_job(path.job_id)
    curve = jobs.read_curve(current_services().database, job.id)
    if query.format == "csv":
        return cacheable(Response(as_csv(curve), mimetype="text/csv"))
    return cacheable(answer(Metrics(job_id=job.id, data=points_of(curve))))


@get(blueprint, "/v1/jobs/<job_id>/logs", s200=_as_text_too(Log, "text/plain"),
     s404=None, s410=None)  # fmt: skip
def show_log(path: JobPath, query: LogQuery) -> Response:
    """Look at what happened to a job, as JSON or `?format=text`."""
    job = find_job(path.job_id)
    events = jobs.events_of(
        current_services().database, job.id, query.since, query.limit
    )
    lines = [record_of(event) for event in events]
    if query.format == "text":
        return Response("".join(map(log_text, lines)), mimetype="text/plain")
    following = lines[-1].seq if lines else query.since
    return answer(Log(data=lines, next_since=following))


@get(blueprint, "/v1/jobs/<job_id>/manifest", s200=Manifest, s404=None, s410=None)
def show_manifest(path: JobPath) -> Response:
    """Tell all that it takes to make the same picture again."""
    job = find_job(path.job_id)
    return cacheable(answer(manifest_of(current_services().database, job)))


@get(blueprint, "/v1/jobs/<job_id>/tree", s200=Family, s404=None, s410=None)
def show_tree(path: JobPath) -> Response:
    """Look at the jobs that it goes on from, and those that go on from it."""
    job = find_job(path.job_id)
    kin, more = jobs.family(current_services().database, current_owner_id(), job.id)
    return cacheable(answer(family_of(job.id, kin, more=more)))


@get(blueprint, "/v1/queue", s200=Queue)
def show_queue() -> Response:
    """Look at how much waits and runs, of all owners together, and how long you would.

    The wait is that of a new job of yours with default parameters, by its priority.
    """
    database = current_services().database
    queued, running = jobs.queue_lengths(database)
    workers = jobs.live_workers(database)
    draining = sum(worker.draining for worker in workers)
    return answer(
        Queue(
            queued=queued,
            running=running,
            workers=len(workers),
            draining=draining,
            estimated_wait=waits_of(database, current_owner_id()),
        )
    )
