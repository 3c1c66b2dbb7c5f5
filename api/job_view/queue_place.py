"""Queue place of a job: its position, its expected start, and why it waits."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from api.http.schemas import to_datetime
from api.job_view.schemas import QueuePlace
from api.job_view.segments import plan_segments
from shared.jobs.transitions import ready_key
from shared.params.kinds import JobKind
from shared.params.memory import need_bytes
from shared.queries.eta import RemainingWork, WaitingJob, durations_by_setup
from shared.queries.queue import place_in_queue
from shared.states import JobState, StateReason

if TYPE_CHECKING:
    from api.job_view.schemas import WhyWaiting
    from shared.db.database import Database
    from shared.db.models.jobs import Job
    from shared.params.style import StyleParams
    from shared.queries.details import JobDetails
    from shared.queries.eta import RunSlot
    from shared.queries.queue import QueueState


def serialize_queue_place(job: Job, details: JobDetails) -> QueuePlace | None:
    """Return the queue place of a job; None if it is not queued, or without a queue."""
    queue_state = details.queue_state
    if job.state != JobState.QUEUED or queue_state is None:
        return None
    ahead, waiting_job = (
        details.jobs_ahead[job.id],
        _waiting_job(job, details, queue_state),
    )
    return QueuePlace(
        position=ahead + 1,
        ahead=ahead,
        reason=_reason_of(queue_state, waiting_job, job.state_reason),
        **_start_fields(
            _find_slot(job, ahead, waiting_job, queue_state), queue_state.read_at
        ),
    )


def new_waiting_job(
    queue_state: QueueState,
    owner_id: str,
    params: StyleParams,
    size: tuple[int, int],
    priority: int,
) -> WaitingJob:
    """Return a waiting job as if it were submitted now.

    Args:
        queue_state: Waiting jobs and live workers.
        owner_id: Owner of the job.
        params: Parameters with all planned changes applied.
        size: Width and height of its content image.
        priority: Priority of the job, as a number.
    """
    work = RemainingWork(JobKind.STYLE, params.model_dump(), size)
    return WaitingJob(
        job_id="",
        owner_id=owner_id,
        ready_key=ready_key(queue_state.read_at, priority),
        need_bytes=need_bytes(params),
        durations=durations_by_setup(queue_state.pace_table, queue_state.setups, work),
    )


def estimate_queue_place(
    database: Database, queue_state: QueueState, waiting_job: WaitingJob
) -> QueuePlace:
    """Return the queue place that a new job would have."""
    ahead, slot = place_in_queue(database, queue_state, waiting_job)
    return QueuePlace(
        position=ahead + 1,
        ahead=ahead,
        reason=_reason_of(queue_state, waiting_job),
        **_start_fields(slot, queue_state.read_at),
    )


def _start_fields(slot: RunSlot | None, read_at: float) -> dict[str, Any]:
    """Return the fields of `QueuePlace` about the expected start and end."""
    if slot is None:
        return dict.fromkeys(("starts_in_s", "starts_at", "finishes_at"))
    now = to_datetime(read_at)
    return {
        "starts_in_s": round(slot.starts.seconds, 1),
        "starts_at": now + timedelta(seconds=slot.starts.seconds),
        "finishes_at": now + timedelta(seconds=slot.ends.seconds),
    }


def _reason_of(
    queue_state: QueueState, job: WaitingJob, state_reason: StateReason | None = None
) -> WhyWaiting:
    """Return why a job waits."""
    if state_reason == StateReason.BACKING_OFF:
        return "backing_off"
    capable = queue_state.capable_workers(job)
    if not capable:
        return "no_capable_worker_alive"
    if all(worker.draining for worker in capable):
        return "queue_paused"
    if state_reason == StateReason.RECOVERING:
        return "recovering"
    quota = queue_state.quotas.get(job.owner_id)
    return "quota" if quota is not None and quota.is_exhausted else "waiting_for_worker"


def _find_slot(
    job: Job, ahead: int, waiting_job: WaitingJob, queue_state: QueueState
) -> RunSlot | None:
    if job.ready_key is None:  # the job backs off, and is not in the queue yet
        return queue_state.place_job(waiting_job)[1]
    return queue_state.run_slots.get(job.id) or queue_state.extrapolate_slot(
        ahead, job.id
    )


def _waiting_job(job: Job, details: JobDetails, queue_state: QueueState) -> WaitingJob:
    durations = {}
    if job.ready_key is None:  # backs off, without durations in the queue
        # Assumes a square image: its size was not read, and few jobs back off.
        params = {**job.params, "schedule": plan_segments(job, details).stages}
        work = RemainingWork(
            JobKind(job.kind), params, done_iterations=job.checkpoint_iteration
        )
        durations = durations_by_setup(queue_state.pace_table, queue_state.setups, work)
    return WaitingJob(
        job_id=job.id,
        owner_id=job.owner_id,
        ready_key=job.ready_key or job.created_at,
        need_bytes=job.need_bytes,
        device_class=job.device_class,
        excluded_device=job.excluded_device,
        due_seconds=max(0.0, job.run_after - queue_state.read_at),
        durations=durations,
    )
