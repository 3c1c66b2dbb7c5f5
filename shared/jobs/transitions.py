"""State transitions of jobs: the only code that changes the state of a job.

A transition writes the row, the event and the owner's counts in the caller's
transaction. Its WHERE repeats the fence and the state that the caller has read, so
that a stale caller changes nothing. Callers take the new state from the tables of
`shared.states`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from shared.db.models.auth import Owner
from shared.db.models.jobs import Job, JobEvent
from shared.errors import FencedOut, JobNotFound, JobPurged
from shared.metrics import count_transition
from shared.states import LEASED, TERMINAL, JobState

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from shared.db.database import Database

PRIORITY_SECONDS = 3600.0  # one level of priority counts as one hour of waiting


def lock_job(session: Session, job_id: str, owner_id: str) -> Job:
    """Read a job of an owner and lock its row until the end of the transaction.

    Raises:
        JobNotFound: No job of this owner has this id.
        JobPurged: The owner has deleted it.
    """
    owned = (Job.id == job_id, Job.owner_id == owner_id)
    job = session.scalar(select(Job).where(*owned).with_for_update())
    if job is None:
        raise JobNotFound(f"job {job_id} does not exist")
    if job.deleted_at is not None:
        raise JobPurged(f"job {job_id} was deleted")
    return job


def transition(
    db: Database,
    session: Session,
    job: Job,
    event: str,
    state: JobState,
    *,
    detail: dict[str, Any] | None = None,
    **columns: Any,
) -> None:
    """Change a locked job to `state`; write its event and its owner's counts.

    Args:
        db: Database with the clock for the time of the event.
        session: Transaction that holds the lock.
        job: Row of the job before the transition.
        event: Name of the event, for the event log.
        state: New state; if it equals the old state, only `columns` change.
        detail: Further members of the event.
        **columns: Further columns, which override the columns of `state`.

    Raises:
        FencedOut: Fence or state of the row have changed since they were read.
    """
    defaults = {} if state == job.state else _columns_for_state(db, job, state)
    fence = session.execute(
        update(Job)
        .where(Job.id == job.id, Job.fence == job.fence, Job.state == job.state)
        .values(**{**defaults, **columns}, state=state)
        .values(revision=Job.revision + 1)
        .returning(Job.fence)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if fence is None:
        raise FencedOut(job.id, job.fence)
    # An ended job that stays as it is has only got other labels: alerts sum by state.
    if state != job.state or state not in TERMINAL:
        count_transition(session, job, event, state)
    _update_owner_counts(session, job.owner_id, job.state, state)
    row = {"job_id": job.id, "from_state": job.state, "state": state, "fence": fence}
    _insert_event(db, session, event, detail=detail, **row)


def log_event(
    db: Database, session: Session, job: Job, event: str, detail: dict[str, Any]
) -> None:
    """Write an event without a change of state or revision."""
    row = {"job_id": job.id, "from_state": job.state, "state": job.state}
    _insert_event(db, session, event, detail=detail, fence=job.fence, **row)


def log_submission(db: Database, session: Session, job: Job) -> None:
    """Write the first event of a new job, and count the job as queued."""
    count_transition(session, job, "submit", job.state)
    _update_owner_counts(session, job.owner_id, None, job.state)
    row = {"job_id": job.id, "from_state": None, "state": job.state}
    _insert_event(db, session, "submit", fence=job.fence, **row)


def ready_key(created_at: float, priority: int) -> float:
    """Compute the sort key of a ready job in the queue: smaller is sooner.

    The key is constant while the job waits, so that age counts without updates of rows.
    """
    return created_at - priority * PRIORITY_SECONDS


def _columns_for_state(db: Database, job: Job, state: JobState) -> dict[str, Any]:
    """Return the columns that depend on the new state."""
    if state in LEASED:
        return {"state_reason": None}
    cleared = {"worker_id": None, "lease_until": None, "claim_nonce": None}
    cleared |= {"state_reason": None, "ready_key": None, "paused_at": None}
    if state in TERMINAL:
        # The reason of CANCELING is also the reason of CANCELED.
        reason = job.state_reason if job.state in LEASED else None
        return {**cleared, "state_reason": reason, "finished_at": db.now}
    if state == JobState.PAUSED:
        return {**cleared, "paused_at": db.now}
    return {**cleared, **ready_columns(db, job)}


def ready_columns(db: Database, job: Job) -> dict[str, Any]:
    """Return the columns that make a job due now, without a notification yet."""
    key = ready_key(job.created_at, job.priority)
    return {"notified_at": None, "run_after": db.now, "ready_key": key}


def _insert_event(db: Database, session: Session, event: str, **row: Any) -> None:
    session.execute(insert(JobEvent).values(event=event, at=db.now, **row))


def _update_owner_counts(
    session: Session, owner_id: str, old_state: JobState | None, new_state: JobState
) -> None:
    queued = (new_state == JobState.QUEUED) - (old_state == JobState.QUEUED)
    running = (new_state in LEASED) - (old_state in LEASED)
    if queued or running:
        session.execute(
            update(Owner)
            .where(Owner.id == owner_id)
            .values(queued=Owner.queued + queued, running=Owner.running + running)
            .execution_options(synchronize_session=False)
        )
