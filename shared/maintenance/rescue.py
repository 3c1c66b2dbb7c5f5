"""What the reconciler does to rows: it returns what is lost and finds what waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, or_, select, update

from shared.db.models.jobs import Job
from shared.db.models.workers import Worker
from shared.jobs.lease import release_to
from shared.jobs.transitions import PRIORITY_SECONDS
from shared.states import EVENTS, HELD, Event, JobState, StateReason

if TYPE_CHECKING:
    from shared.db.database import Database

BATCH = 50
MAX_LOSSES = 2  # a third one in a row without a checkpoint ends the job
DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A due job that nobody has started."""

    job_id: str
    device_class: str | None


def requeue_expired_leases(db: Database) -> list[tuple[str, JobState]]:
    """Take jobs back whose lease ran out, at most 50 at a time.

    An attempt that made a checkpoint is refunded: a long job on machines that vanish
    every hour still gets done. One whose workers die again and again without any
    progress is poison, and ends as failed.

    Returns:
        (job id, the state it went to).
    """
    with db.write() as session:
        lost = session.scalars(
            select(Job)
            .where(Job.state.in_(HELD), Job.lease_until < db.now)
            .order_by(Job.lease_until)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        ).all()
        moved = []
        for job in lost:
            event = Event.POISON if _is_poison(job) else Event.REAP
            columns = _after_loss(job, EVENTS[event][job.state])
            columns["fence"] = Job.fence + 1
            moved.append((job.id, release_to(db, session, job, event, **columns)))
    return moved


def wake_backed_off_jobs(db: Database) -> int:
    """Put jobs whose pause is over back in line; returns how many."""
    with db.write() as session:
        woken = session.execute(
            update(Job)
            .where(
                Job.state == JobState.QUEUED,
                Job.ready_key.is_(None),
                Job.run_after <= db.now,
            )
            .values(
                ready_key=Job.created_at - Job.priority * PRIORITY_SECONDS,
                state_reason=None,
                revision=Job.revision + 1,
            )
            .returning(Job.id)
            .execution_options(synchronize_session=False)
        ).all()
    return len(woken)


def jobs_to_notify(db: Database, stale_seconds: float, limit: int) -> list[Waiting]:
    """Due jobs that were never rung for, or too long ago, first in line first."""
    with db.read() as session:
        rows = session.execute(
            select(Job.id, Job.device_class)
            .where(
                Job.state == JobState.QUEUED,
                Job.ready_key.is_not(None),
                or_(
                    Job.notified_at.is_(None), Job.notified_at < db.now - stale_seconds
                ),
            )
            .order_by(Job.ready_key)
            .limit(limit)
        ).all()
    return [Waiting(job_id, device_class) for job_id, device_class in rows]


def mark_notified(db: Database, job_id: str) -> None:
    """Note that a job has been rung for, in a transaction of its own.

    One transaction over many rows would make claims skip them, and run out of order.
    """
    with db.write() as session:
        session.execute(
            update(Job)
            .where(and_(Job.id == job_id, Job.state == JobState.QUEUED))
            .values(notified_at=db.now)
            .execution_options(synchronize_session=False)
        )


def forget_workers(db: Database) -> None:
    """Drop workers that have not been seen for a day."""
    with db.write() as session:
        session.execute(delete(Worker).where(Worker.last_seen < db.now - DAY_SECONDS))


def _is_poison(job: Job) -> bool:
    if job.checkpoint_iteration > job.iteration_at_claim:
        return False
    return job.attempts >= job.max_attempts or job.crashes_in_a_row >= MAX_LOSSES


def _after_loss(job: Job, state: JobState) -> dict[str, Any]:
    if state == JobState.CANCELED:
        return {}
    progressed = job.checkpoint_iteration > job.iteration_at_claim
    columns: dict[str, Any] = {
        "crashes_in_a_row": 0 if progressed else Job.crashes_in_a_row + 1,
        "attempts": Job.attempts - 1 if progressed else Job.attempts,
    }
    if state == JobState.QUEUED:
        return {**columns, "state_reason": StateReason.RECOVERING}
    if state == JobState.PAUSED:
        return columns
    return {
        **columns,
        "error_code": "worker_lost",
        "error_message": f"its worker was lost {job.crashes_in_a_row + 1} times in a "
        "row before the first new checkpoint",
        "error_hint": "ask for a smaller max_edge, or look at the workers' logs",
        "error_retryable": True,
    }
