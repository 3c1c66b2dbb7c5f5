"""The one way in which a job changes its state.

A move looks its target up in the table of `shared.states`, writes the row, the event
and the owner's counts in the caller's transaction, and says again in the WHERE what
it believes: which fence, which state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from shared.db.models.jobs import Job, JobEvent
from shared.db.models.owners import Owner
from shared.errors import FencedOut, JobNotFound, JobPurged
from shared.states import HELD, TERMINAL, JobState

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from shared.db.database import Database

PRIORITY_SECONDS = 3600.0  # one step of priority is worth an hour of waiting


def lock_job(session: Session, job_id: str, owner_id: str) -> Job:
    """Read an owner's row and keep others from changing it in this transaction.

    Raises:
        JobNotFound: No job of this owner has this id.
        JobPurged: The owner has deleted it.
    """
    mine = (Job.id == job_id, Job.owner_id == owner_id)
    job = session.scalar(select(Job).where(*mine).with_for_update())
    if job is None:
        raise JobNotFound(f"job {job_id} does not exist")
    if job.deleted_at is not None:
        raise JobPurged(f"job {job_id} was deleted")
    return job


def transition(
    db: Database,
    session: Session,
    was: Job,
    event: str,
    state: JobState,
    *,
    detail: dict[str, Any] | None = None,
    **columns: Any,
) -> None:
    """Take the locked row `was` to `state`, with its event and its owner's counts.

    Args:
        db: Whose clock stamps the move.
        session: The transaction that holds the row.
        was: The row as it was read.
        event: What happened, for the log.
        state: Where the job goes; when it stays, only `columns` change.
        detail: More for the log.
        **columns: Further columns; they win over those that follow from `state`.

    Raises:
        FencedOut: The row is no longer as it was read.
    """
    follows = {} if state == was.state else _settled(db, was, state)
    fence = session.execute(
        update(Job)
        .where(Job.id == was.id, Job.fence == was.fence, Job.state == was.state)
        .values(**{**follows, **columns}, state=state)
        .values(revision=Job.revision + 1)
        .returning(Job.fence)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if fence is None:
        raise FencedOut(was.id, was.fence)
    _count(session, was.owner_id, was.state, state)
    moved = {"job_id": was.id, "from_state": was.state, "state": state, "fence": fence}
    _log(db, session, event, detail=detail, **moved)


def log_event(
    db: Database, session: Session, job: Job, event: str, detail: dict[str, Any]
) -> None:
    """Write an event that changes nothing people asked for: no revision, no move."""
    same = {"job_id": job.id, "from_state": job.state, "state": job.state}
    _log(db, session, event, detail=detail, fence=job.fence, **same)


def log_submission(db: Database, session: Session, job: Job) -> None:
    """Write the first event of a new row, and count it as queued."""
    _count(session, job.owner_id, None, job.state)
    new = {"job_id": job.id, "from_state": None, "state": job.state}
    _log(db, session, "submit", fence=job.fence, **new)


def ready_key(created_at: float, priority: int) -> float:
    """Where a ready job stands in line: smaller is sooner.

    It never changes while the job waits, so age counts without anybody updating rows.
    """
    return created_at - priority * PRIORITY_SECONDS


def _settled(db: Database, was: Job, state: JobState) -> dict[str, Any]:
    """Columns that follow from the new state alone."""
    if state in HELD:
        return {"state_reason": None}
    free = {"worker_id": None, "lease_until": None, "claim_nonce": None}
    free |= {"state_reason": None, "ready_key": None, "paused_at": None}
    if state in TERMINAL:
        # Why it is being canceled is why it is canceled.
        why = was.state_reason if was.state in HELD else None
        return {**free, "state_reason": why, "finished_at": db.now}
    if state == JobState.PAUSED:
        return {**free, "paused_at": db.now}
    return {**free, **in_line(db, was)}


def in_line(db: Database, job: Job) -> dict[str, Any]:
    """Columns of a job that is due: where it stands, and that nobody has rung."""
    key = ready_key(job.created_at, job.priority)
    return {"notified_at": None, "run_after": db.now, "ready_key": key}


def _log(db: Database, session: Session, event: str, **row: Any) -> None:
    session.execute(insert(JobEvent).values(event=event, at=db.now, **row))


def _count(
    session: Session, owner_id: str, was: JobState | None, state: JobState
) -> None:
    queued = (state == JobState.QUEUED) - (was == JobState.QUEUED)
    running = (state in HELD) - (was in HELD)
    if queued or running:
        session.execute(
            update(Owner)
            .where(Owner.id == owner_id)
            .values(queued=Owner.queued + queued, running=Owner.running + running)
            .execution_options(synchronize_session=False)
        )
