"""Serializer of jobs: converts rows to the job object, its progress and its URLs.

The time of an iteration is proportional to its pixels, so progress counts pixels times
iterations. By iterations alone, a bar would show 75 % after half of the time.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from api.http.schemas import to_datetime
from api.job_view.queue_place import serialize_queue_place
from api.job_view.schemas import (
    PRIORITIES,
    CheckpointMark,
    JobError,
    JobObject,
    JobUrls,
    JobWorker,
    Output,
    Parent,
    Preview,
    Progress,
    ScaleNow,
    StoredCheckpoint,
)
from api.job_view.segments import plan_segments
from shared.jobs.actions import allowed_actions, met_requirements
from shared.params.formats import format_of_key
from shared.queries.details import load_details
from shared.queries.eta import ProgressReport, completed_share, estimate_time_left
from shared.states import LEASED, JobState
from shared.tracing import parse_traceparent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.db.database import Database
    from shared.db.models.jobs import Checkpoint, Job, JobOutput
    from shared.queries.details import JobDetails
    from shared.queries.events import RunningJob

_PRIORITY_NAMES = {number: name for name, number in PRIORITIES.items()}
_API_NAMES = {"user_metadata": "metadata"}  # by name of the column
_RECORDS = ("frames", "metrics", "logs", "manifest", "tree")
_THUMBNAIL_EDGE_PX = 320


def read_job_object(
    database: Database, job: Job, *, with_queue: bool = False
) -> JobObject:
    """Return the job object of a row, and read the related rows.

    Args:
        database: Database to read.
        job: Row of the job.
        with_queue: Whether to read the queue; without it, `queue` is null.
    """
    return serialize_job(job, load_details(database, [job], with_queue=with_queue))


def read_job_objects(
    database: Database, rows: Sequence[Job], *, with_queue: bool = True
) -> list[JobObject]:
    """Return the job objects of rows, and read the related rows of all jobs at once.

    Args:
        database: Database to read.
        rows: Rows of the jobs.
        with_queue: Whether to read the queue; without it, `queue` is null.
    """
    details = load_details(database, rows, with_queue=with_queue)
    return [serialize_job(job, details) for job in rows]


def serialize_job(job: Job, details: JobDetails) -> JobObject:
    """Return the job object of a row and its related rows."""
    plan = plan_segments(job, details)
    stored = details.checkpoints.get(job.id, [])
    allowed = _allowed_actions(job, details)
    return JobObject(
        id=job.id,
        revision=job.revision,
        version=job.version,
        kind=job.kind,
        state=job.state,
        state_reason=job.state_reason,
        **_labels(job),
        params_digest=job.params_digest,
        owner=job.owner_id,
        **_times(job),
        priority=_PRIORITY_NAMES.get(job.priority, "normal"),
        attempts=job.attempts,
        max_attempts=job.max_attempts,
        fence=job.fence,
        parent=_parent(job),
        params=job.params,
        segments=plan.segments,
        current=plan.current,
        keep_every=job.keep_every,
        allowed_actions=allowed,
        finish_requested=job.finish_requested,
        completion=job.completion,
        queue=details.queue_state and serialize_queue_place(job, details),
        progress=serialize_progress(job, plan.stages),
        preview=_preview(job, details),
        last_checkpoint=_last_checkpoint(job, stored),
        checkpoints=[_checkpoint(row, can_fork="fork" in allowed) for row in stored],
        outputs=_outputs(job, details),
        exact=job.exact,
        exact_reason=job.exact_reason,
        error=_error(job),
        worker=_worker(job, details),
        warnings=job.warnings,
        inputs_gone=len(details.deleted_assets.get(job.id, ())),
        urls=_urls(job, details, allowed),
    )


def serialize_changes(detail: Mapping[str, Any]) -> dict[str, Any]:
    """Return the detail of an event with names of the API instead of columns."""
    return {
        _API_NAMES.get(name, name): _serialize_change(name, value)
        for name, value in detail.items()
    }


def _serialize_change(name: str, value: Any) -> Any:
    if name == "priority":
        return _PRIORITY_NAMES.get(value, "normal")
    if name == "cancel_after" and value is not None:
        return to_datetime(value).isoformat().replace("+00:00", "Z")
    return value


def _allowed_actions(job: Job, details: JobDetails) -> list[str]:
    met = met_requirements(
        job,
        has_checkpoint=job.id in details.checkpoints,
        has_inputs=job.id not in details.deleted_assets,
    )
    return allowed_actions(job, met)


def _labels(job: Job) -> dict[str, Any]:
    trace = parse_traceparent(job.traceparent)
    labels = {"name": job.name, "tags": job.tags, "metadata": job.user_metadata}
    return {**labels, "trace_id": trace and trace.trace_id}


def _times(job: Job) -> dict[str, Any]:
    names = ("started_at", "finished_at", "start_deadline", "cancel_after")
    times = {name: to_datetime(getattr(job, name)) for name in names}
    required = {"created_at": job.created_at, "queued_at": job.run_after}
    return times | {name: to_datetime(at) for name, at in required.items()}


def _last_checkpoint(job: Job, stored: Sequence[Checkpoint]) -> CheckpointMark | None:
    if not job.checkpoint_iteration:
        return None
    at = [row.created_at for row in stored if row.iteration == job.checkpoint_iteration]
    return CheckpointMark(
        iteration=job.checkpoint_iteration, at=to_datetime(at[-1] if at else None)
    )


def job_url(job_id: str) -> str:
    """Return the URL of a job."""
    return f"/v1/jobs/{job_id}"


def frame_url(job_id: str, iteration: int) -> str:
    """Return the URL of the preview of an iteration."""
    return f"{job_url(job_id)}/frames/{iteration}"


def serialize_preview(job_id: str, iteration: int, width: int, height: int) -> Preview:
    """Return the member `preview` of a job; sizes in pixels."""
    return Preview(
        iteration=iteration,
        url=f"{job_url(job_id)}/frames/latest",
        thumb_url=f"{job_url(job_id)}/frames/{iteration}/thumb",
        width=width,
        height=height,
    )


def _preview(job: Job, details: JobDetails) -> Preview | None:
    frame = details.frames.get(job.id)
    if frame is None:
        return None
    return serialize_preview(job.id, frame.iteration, frame.width, frame.height)


def _outputs(job: Job, details: JobDetails) -> list[Output]:
    if job.result_key is None:
        return []
    if rows := details.outputs.get(job.id):
        return [_output(job, row) for row in rows]
    format_ = format_of_key(job.result_key)
    return [
        Output(
            name=f"result{format_.extension}",
            url=f"{job_url(job.id)}/result",
            media_type=format_.media_type,
            width=job.result_width,
            height=job.result_height,
            bytes=job.result_bytes,
            sha256=job.result_digest,
        )
    ]


def _output(job: Job, row: JobOutput) -> Output:
    return Output(
        name=row.name,
        url=f"{job_url(job.id)}/outputs/{row.name}",
        media_type=row.media_type,
        width=row.width,
        height=row.height,
        bytes=row.bytes,
        sha256=row.digest,
    )


def _error(job: Job) -> JobError | None:
    if job.error_code is None:
        return None
    return JobError(
        code=job.error_code,
        message=job.error_message or "",
        hint=job.error_hint or "",
        retryable=bool(job.error_retryable),
        iteration=None if job.state in LEASED else job.iteration,
        attempt=None if job.state in LEASED else job.attempts,
    )


def _worker(job: Job, details: JobDetails) -> JobWorker | None:
    if job.worker_id is None:
        return None
    worker = details.workers.get(job.worker_id)
    if worker is None:
        return JobWorker(id=job.worker_id, device=None, name=None)
    return JobWorker(id=worker.id, device=worker.device_class, name=worker.device_name)


def _parent(job: Job) -> Parent | None:
    if job.parent_id is None or job.relation is None:
        return None
    iteration = job.parent_iteration or 0
    return Parent(job_id=job.parent_id, iteration=iteration, relation=job.relation)


def _checkpoint(row: Checkpoint, *, can_fork: bool) -> StoredCheckpoint:
    promote_url = f"{frame_url(row.job_id, row.iteration)}/promote"
    return StoredCheckpoint(
        iteration=row.iteration,
        kept=row.kept,
        bytes=row.bytes,
        created_at=to_datetime(row.created_at),
        promote_url=promote_url if can_fork else None,
    )


def _urls(job: Job, details: JobDetails, allowed: Sequence[str]) -> JobUrls:
    url = job_url(job.id)
    actions = ("cancel", "pause", "resume", "finish", "extend", "fork", "retry")
    return JobUrls(
        self=url,
        events=f"{url}/events",
        **{
            action: f"{url}/{action}" if action in allowed else None
            for action in actions
        },
        result=None if job.result_key is None else f"{url}/result",
        latest_frame=f"{url}/frames/latest" if job.id in details.frames else None,
        thumbnail=_thumbnail_url(job, details),
        **{name: f"{url}/{name}" for name in _RECORDS},
        content=_content_url(job, details),
    )


def _thumbnail_url(job: Job, details: JobDetails) -> str | None:
    """Return the URL of a thumbnail: of the last preview, or of a different result.

    Workers store a preview of the last iteration, but not if the storage is full then.
    """
    frame = details.frames.get(job.id)
    if job.result_key is None or (frame and frame.iteration == job.iteration):
        return f"{frame_url(job.id, frame.iteration)}/thumb" if frame else None
    return f"{job_url(job.id)}/result?format=jpeg&max_edge={_THUMBNAIL_EDGE_PX}"


def _content_url(job: Job, details: JobDetails) -> str | None:
    content = job.params.get("content")
    if content is None or content["asset_id"] in details.deleted_assets.get(job.id, ()):
        return None
    return f"/v1/assets/{content['asset_id']}/content"


_MEGA = 1e6


def serialize_progress(
    job: Job | RunningJob, stages: Sequence[tuple[int, int]]
) -> Progress | None:
    """Return the progress of a job, or None before its first claim.

    A queued job has the progress of its checkpoint. It is None if the last report is
    from a later iteration, which will be computed again.

    Args:
        job: Row of the job, or its columns about progress.
        stages: (long side in px, iterations) per scale, with all changes so far.
    """
    if job.progress is None:
        return None
    report = ProgressReport.model_validate(job.progress)
    is_queued = job.state == JobState.QUEUED
    if is_queued and report.iteration > job.checkpoint_iteration:
        return None
    index = min(max(report.scale, 0), len(stages) - 1)
    finished = job.state == JobState.SUCCEEDED
    return Progress(
        fraction=1.0 if finished else round(completed_share(stages, index, report), 4),
        phase="waiting" if is_queued else report.phase,
        scale=ScaleNow(
            index=index, count=len(stages), width=report.width, height=report.height
        ),
        iteration=job.iteration if finished else report.iteration,
        iterations=job.iterations,
        it_per_s=_speed(report),
        elapsed_s=report.elapsed_seconds,
        **_time_left(
            stages, index, report, is_running=not is_queued and job.finished_at is None
        ),
        losses={name: _finite(loss) for name, loss in report.losses.items()},
        updated_at=to_datetime(report.updated_at),
    )


def _time_left(
    stages: Sequence[tuple[int, int]],
    index: int,
    report: ProgressReport,
    *,
    is_running: bool,
) -> dict[str, Any]:
    """Return the remaining time at `updated_at`, the time of the worker's report."""
    left = estimate_time_left(stages, index, report) if is_running else None
    if left is None:
        return dict.fromkeys(("eta_s", "eta_at", "eta_low_s", "eta_high_s"))
    at = None if report.updated_at is None else report.updated_at + left.seconds
    return {
        "eta_s": round(left.seconds, 1),
        "eta_at": to_datetime(at),
        "eta_low_s": round(left.low, 1),
        "eta_high_s": round(left.high, 1),
    }


def _speed(report: ProgressReport) -> float | None:
    pace, pixels = report.seconds_per_mpx_iteration, report.pixels
    if not pace or not pixels:
        return None
    return round(_MEGA / (pace * pixels), 3)


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
