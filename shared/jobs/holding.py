"""What the holder of a claim may write: every statement names its fence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from shared.errors import FencedOut
from shared.jobs.moves import move
from shared.models import Job
from shared.states import EVENTS, HELD, Event, JobState, StateReason

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from shared.db import Database
    from shared.jobs.claiming import Claim

RETRY_FACTOR = 4


@dataclass(frozen=True, slots=True)
class Written:
    """A stored blob: where, its SHA-256 (hex) and its size."""

    key: str
    digest: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Result:
    """The generated image, stored, and whether any interruption left a trace."""

    blob: Written
    width: int
    height: int
    exact: bool
    exact_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed, in words for the person who submitted it."""

    code: str
    message: str
    hint: str
    retryable: bool


def heartbeat(
    db: Database,
    claim: Claim,
    lease_seconds: float,
    iteration: int,
    progress: dict[str, Any],
) -> JobState:
    """Renew the lease, write the progress, and learn what people asked meanwhile.

    Raises:
        FencedOut: A newer claim owns the job, or it has ended.
    """
    with db.write() as session:
        state = session.execute(
            update(Job)
            .where(*held_by(claim))
            .values(
                lease_until=db.now + lease_seconds,
                iteration=iteration,
                progress=progress,
            )
            .returning(Job.state)
            .execution_options(synchronize_session=False)
        ).scalar_one_or_none()
    if state is None:
        raise FencedOut(claim.job_id, claim.fence)
    return state


def complete(db: Database, claim: Claim, result: Result) -> JobState:
    """End the job with its picture, whose blob must be durable by now.

    Calling again after an answer was lost is harmless.

    Returns:
        SUCCEEDED, or CANCELED when that was asked first: the blob is then unused.

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
        "iteration": Job.iterations,
        **told(None),
    }
    with db.write() as session:
        job = session.get(Job, claim.job_id, with_for_update=True)
        if job is not None and _wrote(job, claim, result):
            return job.state
        was = lock_held(session, claim)
        state = EVENTS[Event.COMPLETE][was.state]
        kept = columns if state == JobState.SUCCEEDED else {}
        move(db, session, was, Event.COMPLETE, state, **kept)
    return state


def stopped(db: Database, claim: Claim) -> JobState:
    """Let go of a job that was asked to stop; the device is free by now."""
    return _let_go(db, claim, Event.STOPPED)


def release(db: Database, claim: Claim) -> JobState:
    """Give the job back because this worker has to leave; the attempt is refunded."""
    refund = {"attempts": Job.attempts - 1, "state_reason": StateReason.RECOVERING}
    return _let_go(db, claim, Event.RELEASE, **refund)


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
        again = failure.retryable and was.attempts < was.max_attempts
        event = Event.RETRY if again else Event.FAIL
        state = EVENTS[event][was.state]
        columns = {} if state == JobState.CANCELED else told(failure)
        if state == JobState.QUEUED:
            pause = retry_seconds * RETRY_FACTOR ** (was.attempts - 1)
            columns |= {
                "state_reason": StateReason.BACKING_OFF,
                "run_after": db.now + pause,
                "ready_key": None,
                "excluded_device": excluded_device,
            }
        move(db, session, was, event, state, **columns)
    return state


def postpone(db: Database, claim: Claim, failure: Failure, seconds: float) -> JobState:
    """Give the job back for a while because of an outage; the attempt is refunded."""
    with db.write() as session:
        was = lock_held(session, claim)
        state = EVENTS[Event.RETRY][was.state]
        columns: dict[str, Any] = {}
        if state == JobState.QUEUED:
            columns = {
                **told(failure),
                "attempts": Job.attempts - 1,
                "state_reason": StateReason.BACKING_OFF,
                "run_after": db.now + seconds,
                "ready_key": None,
            }
        move(db, session, was, Event.RETRY, state, **columns)
    return state


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


def told(failure: Failure | None) -> dict[str, Any]:
    """Columns that tell people of a failure, or of none."""
    if failure is None:
        names = ("code", "message", "hint", "retryable")
        return {f"error_{name}": None for name in names}
    return {
        "error_code": failure.code,
        "error_message": failure.message[:2000],
        "error_hint": failure.hint[:500],
        "error_retryable": failure.retryable,
    }


def _let_go(db: Database, claim: Claim, event: Event, **columns: Any) -> JobState:
    with db.write() as session:
        was = lock_held(session, claim)
        state = EVENTS[event][was.state]
        if state != JobState.QUEUED:
            columns = {}
        move(db, session, was, event, state, **columns)
    return state


def _wrote(job: Job, claim: Claim, result: Result) -> bool:
    mine = job.fence == claim.fence and job.result_key == result.blob.key
    return mine and job.state == JobState.SUCCEEDED
