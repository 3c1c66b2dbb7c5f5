"""What is known of the course of a job, as the objects that the API says."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING, Any

from api.asset_presenters import asset_url
from api.instants import instant
from api.presenters import job_url
from api.record_schemas import (
    Family,
    Kin,
    LoggedEvent,
    Manifest,
    ManifestPicture,
    ManifestResult,
    MetricPoint,
)
from api.work_digests import plain_params
from shared import jobs
from shared.formats import FORMATS, format_of_key
from shared.kinds import JobKind, read_params

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shared.db import Database
    from shared.jobs import Survey
    from shared.models import Asset, Job, JobInput

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
    known = jobs.survey(database, [job])
    pictures = jobs.pictures_of(database, job.id)
    params = read_params(JobKind(job.kind), job.params)
    origin = job.origin or {}
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


def _segments(job: Job, known: Survey) -> list[dict[str, Any]]:
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
