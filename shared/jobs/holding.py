"""What the holder of a claim may write: every statement names its fence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, select, update

from shared.errors import FencedOut
from shared.jobs.moves import move
from shared.jobs.reports import Told, output_rows, told
from shared.models import Job, Segment
from shared.states import (
    EVENTS,
    HELD,
    Event,
    JobState,
    StateReason,
    Verb,
)

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from shared.db import Database
    from shared.jobs.claiming import Claim
    from shared.jobs.reports import Failure, Result

RETRY_FACTOR = 4


def heartbeat(
    db: Database,
    claim: Claim,
    lease_seconds: float,
    iteration: int,
    progress: dict[str, Any],
) -> Told:
    """Renew the lease, write the progress, and learn what people asked meanwhile.

    Raises:
        FencedOut: A newer claim owns the job, or it has ended.
    """
    pending = (Segment.job_id == claim.job_id, Segment.from_iteration.is_(None))
    with db.write() as session:
        found = session.execute(
            update(Job)
            .where(*held_by(claim))
            .values(
                lease_until=db.now + lease_seconds,
                iteration=iteration,
                progress=progress,
            )
            .returning(Job.state, Job.finish_requested)
            .execution_options(synchronize_session=False)
        ).one_or_none()
        if found is None:
            raise FencedOut(claim.job_id, claim.fence)
        steer = session.scalar(select(exists().where(*pending)))
    return Told(found.state, found.finish_requested, bool(steer))


def complete(db: Database, claim: Claim, result: Result) -> JobState:
    """End the job with what it made, whose blobs must be durable by now.

    Calling again after an answer was lost is harmless.

    Returns:
        SUCCEEDED, or CANCELED when that was asked first: the blobs are then unused.

    Raises:
        FencedOut: A newer claim owns the job.
    """
    columns = {
        "result_key": result.blob.key,
        "result_digest": result.blob.digest,
        "result_bytes": result.blob.bytes,
        "result_width": result.width,
        "result_height": result.height,
        "exact": result.exact,
        "exact_reason": result.exact_reason,
        "origin": result.origin,
        "iteration": result.iterations or Job.iterations,
        "completion": result.completion,
        **told(None),
    }
    if result.progress is not None:
        columns["progress"] = dict(result.progress)
    with db.write() as session:
        job = session.get(Job, claim.job_id, with_for_update=True)
        if job is not None and _completed(job, claim):
            return job.state
        was = lock_held(session, claim)
        state = EVENTS[Event.COMPLETE][was.state]
        kept = columns if state == JobState.SUCCEEDED else {}
        move(db, session, was, Event.COMPLETE, state, **kept)
        if kept:
            session.add_all(output_rows(claim.job_id, result.outputs))
    return state


def stopped(db: Database, claim: Claim) -> JobState:
    """Let go of a job that was asked to pause or stop; the device is free by now.

    If it was resumed in the very last moment, that is as if the worker had to leave.
    """
    with db.write() as session:
        was = lock_held(session, claim)
        if was.state == JobState.RUNNING:
            return _released(db, session, was)
        return let_go(db, session, was, Event.STOPPED, **_refund(was))


def release(db: Database, claim: Claim) -> JobState:
    """Give the job back because this worker has to leave; the attempt is refunded."""
    with db.write() as session:
        return _released(db, session, lock_held(session, claim))


def fail(
    db: Database,
    claim: Claim,
    failure: Failure,
    retry_seconds: float,
    excluded_device: str | None = None,
) -> JobState:
    """Record a failed attempt: another one after a pause, or the end.

    Args:
        db: The database.
        claim: The attempt that failed.
        failure: Why.
        retry_seconds: Pause after the first attempt; each later one is four times
            as long.
        excluded_device: Where the next attempt shall not run; None: anywhere.

    Raises:
        FencedOut: A newer claim owns the job.
    """
    with db.write() as session:
        was = lock_held(session, claim)
        # A job that is pausing may be tried again whenever somebody resumes it.
        left = was.attempts < was.max_attempts or was.state == JobState.PAUSING
        event = Event.RETRY if failure.retryable and left else Event.FAIL
        state = EVENTS[event][was.state]
        columns = {} if state == JobState.CANCELED else told(failure)
        if state == JobState.QUEUED:
            pause = retry_seconds * RETRY_FACTOR ** (was.attempts - 1)
            columns |= _backing_off(db, pause) | {"excluded_device": excluded_device}
        return let_go(db, session, was, event, **columns)


def postpone(db: Database, claim: Claim, failure: Failure, seconds: float) -> JobState:
    """Give the job back for a while because of an outage; the attempt is refunded."""
    with db.write() as session:
        was = lock_held(session, claim)
        columns = {} if was.state == JobState.CANCELING else told(failure)
        columns |= _refund(was)
        if was.state == JobState.RUNNING:
            columns |= _backing_off(db, seconds)
        return let_go(db, session, was, Event.RETRY, **columns)


def let_go(
    db: Database, session: Session, was: Job, event: Event, **columns: Any
) -> JobState:
    """Take a held job to where `event` leads.

    A job that is to be finished does not stay paused: its picture is wanted now.
    """
    state = EVENTS[event][was.state]
    move(db, session, was, event, state, **columns)
    if state != JobState.PAUSED or not was.finish_requested:
        return state
    session.refresh(was)
    move(db, session, was, Verb.FINISH, JobState.QUEUED)
    return JobState.QUEUED


def held_by(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    """SQL: whether a row is still the one that `claim` was given."""
    return (
        Job.id == claim.job_id,
        Job.fence == claim.fence,
        Job.state.in_(HELD),
    )


def lock_held(session: Session, claim: Claim) -> Job:
    """Read the claimed row and keep others from changing it in this transaction.

    Raises:
        FencedOut: A newer claim owns the job, or it has ended.
    """
    job = session.scalar(select(Job).where(*held_by(claim)).with_for_update())
    if job is None:
        raise FencedOut(claim.job_id, claim.fence)
    return job


def _released(db: Database, session: Session, was: Job) -> JobState:
    columns = _refund(was)
    if was.state == JobState.RUNNING:
        columns["state_reason"] = StateReason.RECOVERING
    return let_go(db, session, was, Event.RELEASE, **columns)


def _refund(was: Job) -> dict[str, Any]:
    """Give an attempt back that ended for no fault of the job."""
    return {} if was.state == JobState.CANCELING else {"attempts": Job.attempts - 1}


def _backing_off(db: Database, seconds: float) -> dict[str, Any]:
    return {
        "state_reason": StateReason.BACKING_OFF,
        "run_after": db.now + seconds,
        "ready_key": None,
    }


def _completed(job: Job, claim: Claim) -> bool:
    # Nobody else ever has this fence: if it is the last one, it was us.
    return job.fence == claim.fence and job.state == JobState.SUCCEEDED
