"""What the API says of the course of a job, and of the queue, as Pydantic models.

What is known of the course of a job, as the objects that the API says.

/v1/jobs/{id}/...: what is known of the course of a job; and of the whole queue.
"""

from __future__ import annotations

import csv
from datetime import datetime
from io import StringIO
from typing import TYPE_CHECKING, Any, Literal

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from api.assets.service import asset_url
from api.auth.authenticate import current_owner_id
from api.dependencies import current_services
from api.http.pagination import Query
from api.http.responses import answer, cacheable
from api.http.routes import get, make_blueprint, named
from api.http.schemas import ResponseModel
from api.http.timestamps import instant
from api.job_view.examples import MANIFEST
from api.job_view.lookup import JobPath, find_job
from api.job_view.schemas import LoggedEvent
from api.job_view.serializer import job_url
from api.jobs.work_digest import plain_params
from api.watch.messages import record_of
from shared.jobs.loss_history import read_loss_history
from shared.params.formats import FORMATS, format_of_key
from shared.params.kinds import JobKind, read_params
from shared.queries.details import load_details
from shared.queries.jobs import events_of, pictures_of
from shared.queries.lineage import read_lineage
from shared.states import Completion, JobState, Relation

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shared.db.database import Database
    from shared.db.models.assets import Asset
    from shared.db.models.jobs import Job, JobInput
    from shared.queries.details import JobDetails


class MetricPoint(ResponseModel):
    """The losses after one iteration; null is no number (it diverged)."""

    iteration: int
    scale: int
    total: float | None
    content: float | None
    style: float | None
    tv: float | None


class Metrics(ResponseModel):
    """The losses of a job: of long ones evenly thinned, the latest always there."""

    job_id: str
    data: list[MetricPoint]


class Log(ResponseModel):
    """What happened to a job, in order."""

    data: list[LoggedEvent]
    next_since: int = Field(description="`since` of what comes later")


class Kin(ResponseModel):
    """A job of a family."""

    id: str
    name: str | None
    state: JobState
    parent_id: str | None
    relation: Relation | None
    iteration: int | None = Field(description="of the parent, where it goes on")
    created_at: datetime
    deleted: bool
    url: str


class Family(ResponseModel):
    """A job with all it goes on from and all that goes on from it, eldest first."""

    job_id: str
    data: list[Kin]
    more: bool = Field(description="there are more than are told")


class ManifestPicture(ResponseModel):
    """A picture that a job is made from."""

    role: str
    position: int
    sha256: str
    bytes: int
    media_type: str
    width: int
    height: int
    asset_id: str
    url: str | None = Field(description="null: it was deleted")


class ManifestResult(ResponseModel):
    """What came out."""

    sha256: str
    bytes: int | None
    media_type: str
    width: int | None
    height: int | None
    url: str | None = Field(description="null: it is kept no longer")


class Manifest(ResponseModel):
    """All that it takes to make the same picture again."""

    model_config = ConfigDict(json_schema_extra={"example": MANIFEST})

    manifest: Literal[1] = 1
    job_id: str
    kind: str
    state: JobState
    params: dict[str, Any] = Field(description="without ids of pictures")
    params_digest: str | None = Field(
        description="the same for equal work of this version; null: steered, or a child"
    )
    segments: list[dict[str, Any]]
    inputs: dict[str, list[str]] = Field(
        description="SHA-256 by role, in order; of the weights once they are known"
    )
    pictures: list[ManifestPicture]
    iterations: int = Field(description="done, of those that were planned")
    planned: int
    completion: Completion | None
    exact: bool | None
    exact_reason: str | None = Field(description="why it is not exact")
    made_with: dict[str, str] | None = Field(
        description="device, threads, versions; null until it has succeeded"
    )
    result: ManifestResult | None
    outputs: dict[str, str] = Field(description="SHA-256 by name, where there are some")
    parent: dict[str, Any] | None


_COLUMNS = tuple(MetricPoint.model_fields)


def points_of(curve: Iterable[Sequence[Any]]) -> list[MetricPoint]:
    """Name the numbers of a stored curve."""
    return [MetricPoint(**dict(zip(_COLUMNS, point, strict=True))) for point in curve]


def as_csv(curve: Iterable[Sequence[Any]]) -> str:
    """Write a stored curve as CSV (RFC 4180), with a line of names."""
    buffer = StringIO()
    csv.writer(buffer).writerows([_COLUMNS, *curve])
    return buffer.getvalue()


def log_text(line: LoggedEvent) -> str:
    """Write a line of the log for people."""
    moved = line.state
    if line.from_state not in {None, line.state}:
        moved = f"{line.from_state} -> {line.state}"
    detail = "".join(f" {name}={value}" for name, value in (line.detail or {}).items())
    return f"{line.at:%Y-%m-%dT%H:%M:%S.%f}Z {line.event} {moved}{detail}\n"


def family_of(job_id: str, kin: Iterable[Job], *, more: bool) -> Family:
    """Describe the family of a job."""
    return Family(job_id=job_id, data=[_kin(each) for each in kin], more=more)


def manifest_of(database: Database, job: Job) -> Manifest:
    """Tell all that it takes to make the picture of a job again."""
    known = load_details(database, [job])
    pictures = pictures_of(database, job.id)
    params = read_params(JobKind(job.kind), job.params)
    origin = job.provenance or {}
    return Manifest(
        job_id=job.id,
        kind=job.kind,
        state=job.state,
        params=plain_params(params),
        params_digest=job.params_digest,
        segments=_segments(job, known),
        inputs=_inputs(origin.get("inputs"), pictures),
        pictures=[_picture(*each) for each in pictures],
        iterations=job.iteration,
        planned=job.iterations,
        completion=job.completion,
        exact=job.exact,
        exact_reason=job.exact_reason,
        made_with=origin.get("maker"),
        result=_result(job),
        outputs={row.name: row.digest for row in known.outputs.get(job.id, [])},
        parent=_parent(job),
    )


def _kin(job: Job) -> Kin:
    return Kin(
        id=job.id,
        name=job.name,
        state=job.state,
        parent_id=job.parent_id,
        relation=job.relation,
        iteration=job.parent_iteration,
        created_at=instant(job.created_at),
        deleted=job.deleted_at is not None,
        url=job_url(job.id),
    )


def _segments(job: Job, known: JobDetails) -> list[dict[str, Any]]:
    return [
        {"from_iteration": one.from_iteration, "changes": one.changes.stored()}
        for one in known.segments.get(job.id, ())
    ]


def _inputs(
    told: dict[str, str] | None, pictures: Iterable[tuple[JobInput, Asset]]
) -> dict[str, list[str]]:
    """As the worker has told; before it has, as the rows do."""
    if told is not None:
        return {role: digests.split(",") for role, digests in told.items()}
    found: dict[str, list[str]] = {}
    for row, asset in pictures:
        digests = found.setdefault(row.role, [])
        digests += [""] * (row.position - len(digests)) + [asset.digest]
    return found


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
    kind = FORMATS[job.params.get("format", "png")]
    if job.result_key is not None:
        kind = format_of_key(job.result_key)
    return ManifestResult(
        sha256=job.result_digest,
        bytes=job.result_bytes,
        media_type=kind.media_type,
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
    curve = read_loss_history(current_services().database, job.id)
    if query.format == "csv":
        return cacheable(Response(as_csv(curve), mimetype="text/csv"))
    return cacheable(answer(Metrics(job_id=job.id, data=points_of(curve))))


@get(blueprint, "/v1/jobs/<job_id>/logs", s200=_as_text_too(Log, "text/plain"),
     s404=None, s410=None)  # fmt: skip
def show_log(path: JobPath, query: LogQuery) -> Response:
    """Look at what happened to a job, as JSON or `?format=text`."""
    job = find_job(path.job_id)
    events = events_of(current_services().database, job.id, query.since, query.limit)
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
    kin, more = read_lineage(current_services().database, current_owner_id(), job.id)
    return cacheable(answer(family_of(job.id, kin, more=more)))
