"""Rescue of jobs with an expired lease, and repeated notifications of waiting jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, or_, select, update

from shared.db.models.jobs import Job, bump_versions
from shared.db.models.workers import Worker
from shared.errors import WorkerLost
from shared.jobs.lease import failure_columns, release_to
from shared.jobs.transitions import PRIORITY_SECONDS
from shared.states import EVENTS, LEASED, Event, JobState, StateReason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row

    from shared.db.database import Database

BATCH_SIZE = 50
MAX_CRASHES = 2  # one more in a row without a checkpoint fails the job
DAY_SECONDS = 86_400.0


def requeue_expired_leases(db: Database) -> list[tuple[str, JobState]]:
    """Return jobs with an expired lease to the queue, at most 50 per call.

    An attempt that stored a checkpoint is refunded, so that a long job ends even on
    machines that stop every hour. A job whose workers crash repeatedly without progress
    is in a crash loop, and fails.

    Returns:
        (job id, new state).
    """
    with db.write() as session:
        expired = session.scalars(
            select(Job)
            .where(Job.state.in_(LEASED))
            .where(Job.lease_until.is_not(None))  # as the index has it
            .where(db.is_over(Job.lease_until, Job.term_seconds))
            .order_by(Job.lease_until)
            .limit(BATCH_SIZE)
            .with_for_update(skip_locked=True)
        ).all()
        rescued = []
        for job in expired:
            event = Event.CRASH_LOOP if _is_crash_loop(job) else Event.RESCUE
            columns = _rescue_columns(job, EVENTS[event][job.state])
            columns["fence"] = Job.fence + 1
            rescued.append((job.id, release_to(db, session, job, event, **columns)))
    return rescued


def wake_backed_off_jobs(db: Database) -> int:
    """Make jobs due after their pause for a failure, and count them."""
    with db.write() as session:
        ids = session.execute(
            update(Job)
            .where(
                Job.state == JobState.QUEUED,
                Job.ready_key.is_(None),
                db.is_over(Job.run_after, Job.term_seconds),
            )
            .values(
                ready_key=Job.created_at - Job.priority * PRIORITY_SECONDS,
                state_reason=None,
                revision=Job.revision + 1,
            )
            .returning(Job.id)
            .execution_options(synchronize_session=False)
        ).all()
    return len(ids)


def find_jobs_to_notify(
    db: Database, stale_seconds: float, limit: int
) -> Sequence[Row[str, str | None]]:
    """Find due jobs without a recent notification, in order of the queue.

    Returns:
        Rows of `job_id` and `device_class`.
    """
    with db.read() as session:
        return session.execute(
            select(Job.id.label("job_id"), Job.device_class)
            .where(
                Job.state == JobState.QUEUED,
                Job.ready_key.is_not(None),
                or_(
                    Job.notified_at.is_(None),
                    db.is_over(Job.notified_at + stale_seconds, stale_seconds),
                ),
            )
            .order_by(Job.ready_key)
            .limit(limit)
        ).all()


def mark_notified(db: Database, job_id: str) -> None:
    """Store the time of a job's notification, in its own transaction.

    Claims skip locked rows, so one transaction over many rows would change the order of
    claims.
    """
    with db.write() as session:
        session.execute(
            update(Job)
            .where(and_(Job.id == job_id, Job.state == JobState.QUEUED))
            .values(notified_at=db.now, version=Job.version)  # no visible change
            .execution_options(synchronize_session=False)
        )


def delete_stale_workers(db: Database) -> None:
    """Delete the registrations of workers without a heartbeat for a day."""
    with db.write() as session:
        day_later = Worker.last_seen + DAY_SECONDS
        stale = db.is_over(day_later, DAY_SECONDS)
        bump_versions(session, Job.worker_id.in_(select(Worker.id).where(stale)))
        session.execute(delete(Worker).where(stale))


def _is_crash_loop(job: Job) -> bool:
    if job.checkpoint_iteration > job.iteration_at_claim:
        return False
    return job.attempts >= job.max_attempts or job.crashes_in_a_row >= MAX_CRASHES


def _rescue_columns(job: Job, state: JobState) -> dict[str, Any]:
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
    losses = job.crashes_in_a_row + 1
    failure = WorkerLost(
        f"{losses} workers in a row were lost before they stored a checkpoint"
        if losses > MAX_CRASHES
        else "the worker of its last allowed attempt was lost"
    )
    return columns | failure_columns(failure)
