"""History of a job: its metrics, log, manifest and lineage tree."""

from __future__ import annotations

import csv
from datetime import datetime
from io import StringIO
from typing import TYPE_CHECKING, Any, Literal

from flask import Response
from pydantic import Field

from api.assets.service import asset_url
from api.auth.authenticate import current_owner_id
from api.dependencies import current_dependencies
from api.http.header_sets import ETAG
from api.http.pagination import Query
from api.http.responses import add_etag, json_response
from api.http.routes import get, make_blueprint
from api.http.schemas import (
    EXAMPLE_ASSET_ID,
    EXAMPLE_JOB_ID,
    EXAMPLE_SHA256,
    EXAMPLE_TIME,
    ResponseModel,
    to_datetime,
    with_example,
)
from api.job_view.lookup import JobPath, find_job
from api.job_view.schemas import DocumentedParams, LoggedEvent
from api.job_view.serializer import job_url
from api.jobs.submission import params_without_asset_ids
from api.watch.event_serializer import serialize_log_event
from shared.jobs.checkpoints import read_loss_history
from shared.params.formats import FORMATS, format_of_key
from shared.params.kinds import JobKind, read_params
from shared.queries.details import load_details
from shared.queries.jobs import read_inputs, read_job_events, read_lineage
from shared.states import Completion, JobState, Relation

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shared.db.database import Database
    from shared.db.models.assets import Asset
    from shared.db.models.jobs import Job, JobInput
    from shared.queries.details import JobDetails


class MetricPoint(ResponseModel):
    """Losses after one iteration; null is not a number, after the job diverged."""

    model_config = with_example(
        {
            "iteration": 118,
            "scale": 1,
            "total": 3.2,
            "content": 1.1,
            "style": 2.0,
            "tv": 0.1,
        }
    )

    iteration: int
    scale: int
    total: float | None
    content: float | None
    style: float | None
    tv: float | None


class Metrics(ResponseModel):
    """Losses of a job; long histories have evenly spread points and the latest."""

    job_id: str
    data: list[MetricPoint]


class Log(ResponseModel):
    """Events of a job, in order."""

    data: list[LoggedEvent]
    next_since: int = Field(description="value of `since` for later events")


class LineageJob(ResponseModel):
    """Job in the lineage of another job."""

    model_config = with_example(
        {
            "id": "job_01JD0000000000000000000001",
            "name": "Lisbon",
            "state": "queued",
            "parent_id": EXAMPLE_JOB_ID,
            "relation": "fork",
            "iteration": 100,
            "created_at": EXAMPLE_TIME,
            "deleted": False,
            "url": "/v1/jobs/job_01JD0000000000000000000001",
        }
    )

    id: str
    name: str | None
    state: JobState
    parent_id: str | None
    relation: Relation | None
    iteration: int | None = Field(
        description="iteration of the parent from which this job continues"
    )
    created_at: datetime
    deleted: bool
    url: str | None = Field(description="null: the picture was deleted")


class JobLineage(ResponseModel):
    """Lineage of a job: the job, its ancestors and descendants, oldest first."""

    job_id: str
    data: list[LineageJob]
    more: bool = Field(description="true: the lineage has more jobs than are listed")


class ManifestPicture(ResponseModel):
    """Input picture of a job, with its digest."""

    role: str
    position: int
    sha256: str
    bytes: int
    media_type: str
    width: int
    height: int
    asset_id: str
    url: str | None = Field(description="null: the picture was deleted")


class ManifestResult(ResponseModel):
    """Result of a job, with its digest."""

    sha256: str
    bytes: int | None
    media_type: str
    width: int | None
    height: int | None
    url: str | None = Field(
        description="null: deleted because its retention time is over"
    )


class Manifest(ResponseModel):
    """Everything needed to reproduce the picture of a job."""

    model_config = with_example(
        {
            "manifest": 1,
            "job_id": EXAMPLE_JOB_ID,
            "kind": "style",
            "state": "succeeded",
            "params": {"styles": [{"weight": 1.0}], "max_edge": 512},
            "params_digest": EXAMPLE_SHA256,
            "segments": [{"from_iteration": 100, "changes": {"style_weight": 12.0}}],
            "inputs": {
                "content": [EXAMPLE_SHA256],
                "style": [EXAMPLE_SHA256],
                "weights": [EXAMPLE_SHA256],
            },
            "pictures": [
                {
                    "role": "content",
                    "position": 0,
                    "sha256": EXAMPLE_SHA256,
                    "bytes": 183_220,
                    "media_type": "image/jpeg",
                    "width": 1024,
                    "height": 768,
                    "asset_id": EXAMPLE_ASSET_ID,
                    "url": f"/v1/assets/{EXAMPLE_ASSET_ID}/content",
                }
            ],
            "iterations": 210,
            "planned": 210,
            "completion": "full",
            "exact": True,
            "exact_reason": None,
            "made_with": {"device": "cpu CPU", "impasto": "0.1.0", "threads": "2"},
            "result": {
                "sha256": EXAMPLE_SHA256,
                "bytes": 412_007,
                "media_type": "image/png",
                "width": 512,
                "height": 384,
                "url": f"/v1/jobs/{EXAMPLE_JOB_ID}/result",
            },
            "outputs": {},
            "parent": None,
        }
    )

    manifest: Literal[1] = 1
    job_id: str
    kind: JobKind
    state: JobState
    params: DocumentedParams = Field(description="parameters without ids of pictures")
    params_digest: str | None = Field(
        description="equal for jobs of this version that compute the same picture; "
        "null: the job was steered, or continues another job"
    )
    segments: list[dict[str, Any]]
    inputs: dict[str, list[str]] = Field(
        description="SHA-256 of the pictures by role, in order; and of the weights "
        "once a worker has reported it"
    )
    pictures: list[ManifestPicture]
    iterations: int = Field(
        description="number of iterations done; fewer than planned after a finish"
    )
    planned: int
    completion: Completion | None
    exact: bool | None
    exact_reason: str | None = Field(description="why the result is not exact")
    made_with: dict[str, str] | None = Field(
        description="device, threads and versions; null until the job has succeeded"
    )
    result: ManifestResult | None
    outputs: dict[str, str] = Field(
        description="SHA-256 of other files of the job, by name"
    )
    parent: dict[str, Any] | None


_METRIC_COLUMNS = tuple(MetricPoint.model_fields)


def metric_points(rows: Iterable[Sequence[Any]]) -> list[MetricPoint]:
    """Convert the rows of a stored loss history to metric points."""
    return [MetricPoint(**dict(zip(_METRIC_COLUMNS, row, strict=True))) for row in rows]


def format_metrics_csv(rows: Iterable[Sequence[Any]]) -> str:
    """Format the rows of a stored loss history as CSV (RFC 4180), with a header."""
    buffer = StringIO()
    csv.writer(buffer).writerows([_METRIC_COLUMNS, *rows])
    return buffer.getvalue()


def format_log_line(event: LoggedEvent) -> str:
    """Format an event as one line of text."""
    states = event.state
    if event.from_state not in {None, event.state}:
        states = f"{event.from_state} -> {event.state}"
    detail = "".join(f" {name}={value}" for name, value in (event.detail or {}).items())
    return f"{event.at:%Y-%m-%dT%H:%M:%S.%f}Z {event.event} {states}{detail}\n"


def serialize_lineage(job_id: str, jobs: Iterable[Job], *, more: bool) -> JobLineage:
    """Convert the rows of the jobs of a lineage to its response."""
    return JobLineage(
        job_id=job_id, data=[_lineage_job(job) for job in jobs], more=more
    )


def build_manifest(database: Database, job: Job) -> Manifest:
    """Build the manifest of a job: everything needed to reproduce its picture."""
    details = load_details(database, [job])
    pictures = read_inputs(database, job.id)
    params = read_params(JobKind(job.kind), job.params)
    provenance = job.provenance or {}
    return Manifest(
        job_id=job.id,
        kind=job.kind,
        state=job.state,
        params=params_without_asset_ids(params),
        params_digest=job.params_digest,
        segments=_segments(job, details),
        inputs=_inputs(provenance.get("inputs"), pictures),
        pictures=[_picture(*picture) for picture in pictures],
        iterations=job.iteration,
        planned=job.iterations,
        completion=job.completion,
        exact=job.exact,
        exact_reason=job.exact_reason,
        made_with=provenance.get("maker"),
        result=_result(job),
        outputs={row.name: row.digest for row in details.outputs.get(job.id, [])},
        parent=_parent(job),
    )


def _lineage_job(job: Job) -> LineageJob:
    return LineageJob(
        id=job.id,
        name=job.name,
        state=job.state,
        parent_id=job.parent_id,
        relation=job.relation,
        iteration=job.parent_iteration,
        created_at=to_datetime(job.created_at),
        deleted=job.deleted_at is not None,
        url=None if job.deleted_at is not None else job_url(job.id),
    )


def _segments(job: Job, details: JobDetails) -> list[dict[str, Any]]:
    return [
        {"from_iteration": segment.from_iteration, "changes": segment.changes.to_json()}
        for segment in details.segments.get(job.id, ())
    ]


def _inputs(
    digests_by_role: dict[str, str] | None, pictures: Iterable[tuple[JobInput, Asset]]
) -> dict[str, list[str]]:
    """Return digests by role, from the worker's report if possible, else from rows."""
    if digests_by_role is not None:
        return {role: digests.split(",") for role, digests in digests_by_role.items()}
    inputs: dict[str, list[str]] = {}
    for row, asset in pictures:
        digests = inputs.setdefault(row.role, [])
        digests += [""] * (row.position - len(digests)) + [asset.digest]
    return inputs


def _picture(row: JobInput, asset: Asset) -> ManifestPicture:
    return ManifestPicture(
        role=row.role,
        position=row.position,
        sha256=asset.digest,
        bytes=asset.bytes,
        media_type=asset.media_type,
        width=asset.width,
        height=asset.height,
        asset_id=asset.id,
        url=None if asset.key is None else f"{asset_url(asset.id)}/content",
    )


def _result(job: Job) -> ManifestResult | None:
    if job.result_digest is None:
        return None
    format_ = FORMATS[job.params.get("format", "png")]
    if job.result_key is not None:
        format_ = format_of_key(job.result_key)
    return ManifestResult(
        sha256=job.result_digest,
        bytes=job.result_bytes,
        media_type=format_.media_type,
        width=job.result_width,
        height=job.result_height,
        url=None if job.result_key is None else f"{job_url(job.id)}/result",
    )


def _parent(job: Job) -> dict[str, Any] | None:
    if job.parent_id is None or job.relation is None:
        return None
    return {
        "job_id": job.parent_id,
        "iteration": job.parent_iteration,
        "relation": job.relation.value,
    }


blueprint = make_blueprint("history", "Metrics, log, lineage and manifest of jobs.")

_MAX_SEQUENCE = 2**63 - 1


class MetricsQuery(Query):
    """Query parameters of metrics: their format."""

    format: Literal["json", "csv"] = Field(
        default="json", description="format of the response"
    )


class JobLogQuery(Query):
    """Query parameters of the log: its range and format."""

    since: int = Field(
        default=0,
        ge=0,
        le=_MAX_SEQUENCE,
        description="`next_since` of the previous page",
    )
    limit: int = Field(
        default=200, ge=1, le=1000, description="maximum events per page"
    )
    format: Literal["json", "text"] = Field(
        default="json", description="format of the response"
    )


@get(blueprint, "/v1/jobs/<job_id>/metrics", ETAG, s200=(Metrics, "text/csv"))
def show_metrics(path: JobPath, query: MetricsQuery) -> Response:
    """Get the losses of a job by iteration, as JSON or `?format=csv`."""
    job = find_job(path.job_id)
    losses = read_loss_history(current_dependencies().database, job.id)
    if query.format == "csv":
        return add_etag(Response(format_metrics_csv(losses), mimetype="text/csv"))
    return add_etag(json_response(Metrics(job_id=job.id, data=metric_points(losses))))


@get(blueprint, "/v1/jobs/<job_id>/logs", s200=(Log, "text/plain"))
def show_log(path: JobPath, query: JobLogQuery) -> Response:
    """Get the events of a job, as JSON or `?format=text`."""
    job = find_job(path.job_id)
    events = read_job_events(
        current_dependencies().database, job.id, query.since, query.limit
    )
    records = [serialize_log_event(event) for event in events]
    if query.format == "text":
        return Response("".join(map(format_log_line, records)), mimetype="text/plain")
    next_since = records[-1].seq if records else query.since
    return json_response(Log(data=records, next_since=next_since))


@get(blueprint, "/v1/jobs/<job_id>/manifest", ETAG, s200=Manifest)
def show_manifest(path: JobPath) -> Response:
    """Get the manifest of a job: everything needed to reproduce its picture."""
    job = find_job(path.job_id)
    return add_etag(json_response(build_manifest(current_dependencies().database, job)))


@get(blueprint, "/v1/jobs/<job_id>/tree", ETAG, s200=JobLineage)
def show_tree(path: JobPath) -> Response:
    """Get the lineage of a job: its ancestors and descendants."""
    job = find_job(path.job_id)
    jobs, more = read_lineage(
        current_dependencies().database, current_owner_id(), job.id
    )
    return add_etag(json_response(serialize_lineage(job.id, jobs, more=more)))
