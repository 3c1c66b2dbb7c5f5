"""A job's row and what belongs to it, as the job object.

How far a job is and how long it will take, from what its worker last said.

An iteration costs in proportion to its pixels, so work is counted in pixels times
iterations: a bar of iterations would stand at 75 % with half of the time to go.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from api.http.timestamps import instant
from api.job_view.changes import PRIORITY_WORDS
from api.job_view.queue_place import place_in_line
from api.job_view.schemas import (
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
from api.job_view.segments import course_of
from shared.forecast.time_left import Told, time_left, work_done
from shared.jobs.actions import allowed_actions, possessions
from shared.params.formats import format_of_key
from shared.params.kinds import JobKind
from shared.queries.details import load_details
from shared.states import HELD, TERMINAL, JobState, Verb
from shared.tracing import read_trace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.job_view.schemas import QueuePlace
    from shared.db.database import Database
    from shared.db.models.jobs import Checkpoint, Job, JobOutput
    from shared.queries.details import JobDetails
    from shared.queries.events import RunningJob
    from shared.queries.jobs import JobVersion

_GO_ON = (Verb.FORK, Verb.EXTEND, Verb.RETRY)  # from pictures and checkpoints
_RECORDS = ("frames", "metrics", "logs", "manifest", "tree")
_LONGEST_WAIT_SECONDS = 30
_SECONDS_PER_JOB_AHEAD = 2


def present(database: Database, job: Job) -> JobObject:
    """Read what belongs to a job's row and describe the whole."""
    return _present(job, load_details(database, [job]))


def present_all(database: Database, page: Sequence[Job]) -> list[JobObject]:
    """Describe a page of jobs, reading what belongs to all of them at once."""
    known = load_details(database, page)
    return [_present(job, known) for job in page]


def _present(job: Job, known: JobDetails) -> JobObject:
    course = course_of(job, known)
    stored = known.checkpoints.get(job.id, [])
    allowed = _allowed(job, known)
    return JobObject(
        id=job.id,
        revision=job.revision,
        kind=job.kind,
        state=job.state,
        state_reason=job.state_reason,
        **_labels(job),
        params_digest=job.params_digest,
        owner=job.owner_id,
        **_times(job),
        priority=PRIORITY_WORDS.get(job.priority, "normal"),
        attempts=job.attempts,
        max_attempts=job.max_attempts,
        fence=job.fence,
        parent=_parent(job),
        params=job.params,
        segments=course.segments,
        current=course.current,
        keep_every=job.keep_every,
        allowed_actions=allowed,
        finish_requested=job.finish_requested,
        completion=job.completion,
        queue=place_in_line(job, known),
        progress=present_progress(job, course.stages),
        preview=_preview(job, known),
        last_checkpoint=_last_checkpoint(job, stored),
        checkpoints=[_checkpoint(row, can_fork="fork" in allowed) for row in stored],
        outputs=_outputs(job, known),
        exact=job.exact,
        exact_reason=job.exact_reason,
        error=_error(job),
        worker=_worker(job, known),
        warnings=job.warnings,
        inputs_gone=len(known.gone.get(job.id, ())),
        urls=_urls(job, known, allowed),
    )


def _allowed(job: Job, known: JobDetails) -> list[str]:
    """The verbs that would work; none that needs a picture that is gone."""
    stored = job.id in known.checkpoints
    verbs = allowed_actions(job, possessions(job, has_checkpoint=stored))
    return [verb for verb in verbs if verb not in _GO_ON or job.id not in known.gone]


def _labels(job: Job) -> dict[str, Any]:
    trace = read_trace(job.traceparent)
    labels = {"name": job.name, "tags": job.tags, "metadata": job.user_metadata}
    return {**labels, "trace_id": trace and trace.id}


def _times(job: Job) -> dict[str, Any]:
    names = ("started_at", "finished_at", "start_deadline", "cancel_after")
    times = {name: instant(getattr(job, name)) for name in names}
    sure = {"created_at": job.created_at, "queued_at": job.run_after}
    return times | {n: instant(at) for n, at in sure.items()}


def _last_checkpoint(job: Job, stored: Sequence[Checkpoint]) -> CheckpointMark | None:
    if not job.checkpoint_iteration:
        return None
    at = [row.created_at for row in stored if row.iteration == job.checkpoint_iteration]
    return CheckpointMark(iteration=job.checkpoint_iteration, at=instant(at[-1] if at else None))


def poll_seconds(job: JobObject) -> int | None:
    """When it is worth looking again, 1 to 30 s; None: never, the job has ended."""
    return poll_after(job.state, job.queue, job.progress)


def poll_after(
    state: JobState, queue: QueuePlace | None, progress: Progress | None
) -> int | None:
    """The same, of a job that is not put together.

    Args:
        state: Its state.
        queue: Where it stands, while it is queued.
        progress: How far it is, and what is left, as far as known.
    """
    if state in TERMINAL:
        return None
    if state == JobState.PAUSED:
        return _LONGEST_WAIT_SECONDS
    seconds = 1.0
    if queue is not None:
        seconds = _until_start(queue)
    elif progress is not None and progress.eta_s is not None:
        seconds = progress.eta_s / 20  # as often as the bar moves by 5 %
    return round(min(max(seconds, 1), _LONGEST_WAIT_SECONDS))


def _until_start(queue: QueuePlace) -> float:
    """Seconds until a queued job may start; by its place where nobody can tell."""
    if queue.starts_in_s is not None:
        return queue.starts_in_s
    return 1.0 + queue.ahead * _SECONDS_PER_JOB_AHEAD


def job_url(job_id: str) -> str:
    """Where a job is."""
    return f"/v1/jobs/{job_id}"


def frame_url(job_id: str, iteration: int) -> str:
    """Where the preview of an iteration is."""
    return f"{job_url(job_id)}/frames/{iteration}"


def preview_of(job_id: str, iteration: int, width: int, height: int) -> Preview:
    """Describe the latest small picture of a job; sizes in pixels."""
    return Preview(
        iteration=iteration,
        url=f"{job_url(job_id)}/frames/latest",
        thumb_url=f"{job_url(job_id)}/frames/{iteration}/thumb",
        width=width,
        height=height,
    )


def _preview(job: Job, known: JobDetails) -> Preview | None:
    frame = known.frames.get(job.id)
    if frame is None:
        return None
    return preview_of(job.id, frame.iteration, frame.width, frame.height)


def _outputs(job: Job, known: JobDetails) -> list[Output]:
    if job.result_key is None:
        return []
    if several := known.outputs.get(job.id):
        return [_output(job, row) for row in several]
    kind = format_of_key(job.result_key)
    return [
        Output(
            name=f"result{kind.ending}",
            url=f"{job_url(job.id)}/result",
            media_type=kind.media_type,
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
        iteration=None if job.state in HELD else job.iteration,
        attempt=None if job.state in HELD else job.attempts,
    )


def _worker(job: Job, known: JobDetails) -> JobWorker | None:
    if job.worker_id is None:
        return None
    worker = known.workers.get(job.worker_id)
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
        created_at=instant(row.created_at),
        promote_url=promote_url if can_fork else None,
    )


def _urls(job: Job, known: JobDetails, allowed: Sequence[str]) -> JobUrls:
    url = job_url(job.id)
    verbs = ("cancel", "pause", "resume", "finish", "extend", "fork", "retry")
    return JobUrls(
        self=url,
        events=f"{url}/events",
        **{verb: f"{url}/{verb}" if verb in allowed else None for verb in verbs},
        result=f"{url}/result",
        latest_frame=f"{url}/frames/latest" if _has_frames(job, known) else None,
        **{what: f"{url}/{what}" for what in _RECORDS},
        content=_content_url(job, known),
    )


def _has_frames(job: Job, known: JobDetails) -> bool:
    """Whether there are previews, or may be some later."""
    to_come = job.kind == JobKind.STYLE and job.state not in TERMINAL
    return to_come or job.id in known.frames


def _content_url(job: Job, known: JobDetails) -> str | None:
    content = job.params.get("content")
    if content is None or content["asset_id"] in known.gone.get(job.id, ()):
        return None
    return f"/v1/assets/{content['asset_id']}/content"


_MEGA = 1e6


def present_progress(
    job: Job | JobVersion | RunningJob, stages: Sequence[tuple[int, int]]
) -> Progress | None:
    """Describe the progress of a job that has been claimed; None before.

    While it waits to go on, that is what its checkpoint has: None, if it had got
    further than that.

    Args:
        job: Its row, or enough of it.
        stages: (long side in px, iterations) per scale, as they are planned by now.
    """
    if job.progress is None:
        return None
    told = Told.model_validate(job.progress)
    waits = job.state == JobState.QUEUED
    if waits and told.iteration > job.checkpoint_iteration:
        return None
    index = min(max(told.scale, 0), len(stages) - 1)
    finished = job.state == JobState.SUCCEEDED
    return Progress(
        fraction=1.0 if finished else round(work_done(stages, index, told), 4),
        phase="waiting" if waits else told.phase,
        scale=ScaleNow(
            index=index, count=len(stages), width=told.width, height=told.height
        ),
        iteration=job.iteration if finished else told.iteration,
        iterations=job.iterations,
        it_per_s=_speed(told),
        elapsed_s=told.elapsed_seconds,
        **_time_left(stages, index, told, runs=not waits and job.finished_at is None),
        losses={name: _finite(loss) for name, loss in told.losses.items()},
        updated_at=instant(told.updated_at),
    )


def _time_left(
    stages: Sequence[tuple[int, int]], index: int, told: Told, *, runs: bool
) -> dict[str, Any]:
    """As it was when the worker said so: whoever reads it knows `updated_at`."""
    left = time_left(stages, index, told) if runs else None
    if left is None:
        return dict.fromkeys(("eta_s", "eta_at", "eta_low_s", "eta_high_s"))
    at = None if told.updated_at is None else told.updated_at + left.seconds
    return {
        "eta_s": round(left.seconds, 1),
        "eta_at": instant(at),
        "eta_low_s": round(left.low, 1),
        "eta_high_s": round(left.high, 1),
    }


def _speed(told: Told) -> float | None:
    pace, pixels = told.seconds_per_mpx_iteration, told.pixels
    if not pace or not pixels:
        return None
    return round(_MEGA / (pace * pixels), 3)


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
