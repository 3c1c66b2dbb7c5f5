"""Where a queued job stands, when it will run, and why it does not yet."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from api.http.timestamps import instant
from api.job_view.schemas import QueuePlace
from api.job_view.segments import course_of
from shared.forecast.durations import Work, spans_on
from shared.forecast.queue_simulation import Waiting
from shared.jobs.transitions import ready_key
from shared.params.kinds import JobKind
from shared.params.memory import need_bytes
from shared.queries.queue import place_in_queue
from shared.states import JobState, StateReason

if TYPE_CHECKING:
    from api.job_view.schemas import Confidence, WhyWaiting
    from shared.db.database import Database
    from shared.db.models.jobs import Job
    from shared.forecast.pace_model import Span
    from shared.forecast.queue_simulation import Slot
    from shared.params.style import StyleParams
    from shared.queries.details import JobDetails
    from shared.queries.queue import QueueState

# Of the longest time that is likely over the shortest.
_HIGH, _MEDIUM = 1.5, 2.5
_SHORTEST_SECONDS = 1e-3  # nothing is divided by less


def place_in_line(job: Job, known: JobDetails) -> QueuePlace | None:
    """Describe it; None: the job is not queued."""
    line = known.line
    if job.state != JobState.QUEUED or line is None:
        return None
    ahead, asked = known.ahead[job.id], _waiting(job, known, line)
    return QueuePlace(
        position=ahead + 1,
        ahead=ahead,
        reason=_reason_of(line, asked, job.state_reason),
        **_times_of(_slot(job, ahead, asked, line), line.read_at),
    )


def new_waiting(
    line: QueueState,
    owner_id: str,
    params: StyleParams,
    size: tuple[int, int],
    priority: int,
) -> Waiting:
    """Describe a job that could be submitted now.

    Args:
        line: Who waits and who works.
        owner_id: Whose it would be.
        params: With all planned changes.
        size: Width and height of its photo.
        priority: How it would stand in line.
    """
    work = Work(JobKind.STYLE, params.model_dump(), size)
    return Waiting(
        job_id="",
        owner_id=owner_id,
        key=ready_key(line.read_at, priority),
        need_bytes=need_bytes(params),
        spans=spans_on(line.times, line.setups, work),
    )


def new_place(database: Database, line: QueueState, asked: Waiting) -> QueuePlace:
    """Describe where one more job would stand."""
    ahead, slot = place_in_queue(database, line, asked)
    return QueuePlace(
        position=ahead + 1,
        ahead=ahead,
        reason=_reason_of(line, asked),
        **_times_of(slot, line.read_at),
    )


def _times_of(slot: Slot | None, read_at: float) -> dict[str, Any]:
    """When it starts and ends, and how sure that is; as fields of an answer."""
    if slot is None:
        names = ("starts_in_s", "starts_at", "finishes_at", "confidence")
        return dict.fromkeys(names)
    now = instant(read_at)
    return {
        "starts_in_s": round(slot.starts.seconds, 1),
        "starts_at": now + timedelta(seconds=slot.starts.seconds),
        "finishes_at": now + timedelta(seconds=slot.ends.seconds),
        "confidence": "low" if slot.is_surmise else confidence_of(slot.ends),
    }


def confidence_of(span: Span) -> Confidence:
    """How narrow the range of a time is."""
    wide = span.high / max(span.low, _SHORTEST_SECONDS)
    if wide <= _HIGH:
        return "high"
    return "medium" if wide <= _MEDIUM else "low"


def _reason_of(
    line: QueueState, job: Waiting, state_reason: StateReason | None = None
) -> WhyWaiting:
    """Say why a job waits."""
    if state_reason == StateReason.BACKING_OFF:
        return "backing_off"
    able = line.able(job)
    if not able:
        return "no_capable_worker_alive"
    if all(server.draining for server in able):
        return "queue_paused"
    if state_reason == StateReason.RECOVERING:
        return "recovering"
    share = line.shares.get(job.owner_id)
    return "quota" if share is not None and share.is_used_up else "waiting_for_worker"


def _slot(job: Job, ahead: int, asked: Waiting, line: QueueState) -> Slot | None:
    if job.ready_key is None:  # it backs off, and is not in line yet
        return line.with_job(asked)[1]
    return line.slots.get(job.id) or line.behind(ahead, job.id)


def _waiting(job: Job, known: JobDetails, line: QueueState) -> Waiting:
    spans = {}
    if job.ready_key is None:  # the line has no such job
        # As if it were square: its photo is not at hand, and few jobs back off.
        params = {**job.params, "schedule": course_of(job, known).stages}
        work = Work(JobKind(job.kind), params, done=job.checkpoint_iteration)
        spans = spans_on(line.times, line.setups, work)
    return Waiting(
        job_id=job.id,
        owner_id=job.owner_id,
        key=job.ready_key or job.created_at,
        need_bytes=job.need_bytes,
        device_class=job.device_class,
        excluded_device=job.excluded_device,
        due_seconds=max(0.0, job.run_after - line.read_at),
        spans=spans,
    )
