"""What the holder of a claim tells of its attempt, and is told.

What the holder of a claim may write: every statement names its fence.

What the holder of a claim changes so that the next try has better prospects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, select, update

from shared.db.models.jobs import Job, JobOutput, JobSegment
from shared.errors import FencedOut
from shared.jobs.segments import segments_of
from shared.jobs.transitions import transition
from shared.params.memory import need_bytes
from shared.params.segments import steered
from shared.states import EVENTS, HELD, Completion, Event, JobState, StateReason, Verb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from shared.db.database import Database
    from shared.jobs.claim import Claim
    from shared.params.style import StyleParams


@dataclass(frozen=True, slots=True)
class Written:
    """A stored blob: where, its SHA-256 (hex) and its size."""

    key: str
    digest: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Output:
    """One file of a job that makes several, stored; `name` is for people."""

    name: str
    blob: Written
    media_type: str
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What a job has made, stored, and whether any interruption left a trace.

    Attributes:
        blob: The generated image; of a job that makes several files, the first.
        outputs: All files of such a job.
        iterations: How many were done; None: all.
        completion: EARLY, if somebody asked for the picture before they were.
        progress: Of the last iteration, which no heartbeat may have told yet; None:
            as told.
        origin: Digests of pictures and weights (`inputs`), device, threads, versions
            (`maker`).
    """

    blob: Written
    width: int
    height: int
    exact: bool
    exact_reason: str | None = None
    outputs: tuple[Output, ...] = ()
    iterations: int | None = None
    completion: Completion = Completion.FULL
    progress: Mapping[str, Any] | None = None
    provenance: dict[str, dict[str, str]] | None = None

    @property
    def keys(self) -> set[str]:
        """Of all blobs."""
        return {self.blob.key} | {output.blob.key for output in self.outputs}


@dataclass(frozen=True, slots=True)
class HeartbeatReply:
    """What the holder of a claim learns with its heartbeat.

    Attributes:
        state: Held; CANCELING and PAUSING are to be obeyed.
        finish_requested: The picture is wanted as it is.
        has_pending_segments: Changes of parameters wait for the next boundary.
    """

    state: JobState
    finish_requested: bool = False
    has_pending_segments: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed, in words for the person who submitted it."""

    code: str
    message: str
    hint: str
    retryable: bool


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


def output_rows(job_id: str, outputs: tuple[Output, ...]) -> list[JobOutput]:
    """Make the rows of the files of a job that makes several."""
    return [
        JobOutput(
            job_id=job_id,
            position=position,
            name=output.name,
            key=output.blob.key,
            digest=output.blob.digest,
            bytes=output.blob.bytes,
            media_type=output.media_type,
            width=output.width,
            height=output.height,
        )
        for position, output in enumerate(outputs)
    ]


RETRY_FACTOR = 4


def renew_lease(
    db: Database,
    claim: Claim,
    lease_seconds: float,
    iteration: int,
    progress: dict[str, Any],
) -> HeartbeatReply:
    """Renew the lease, write the progress, and learn what people asked meanwhile.

    Raises:
        FencedOut: A newer claim owns the job, or it has ended.
    """
    pending = (JobSegment.job_id == claim.job_id, JobSegment.from_iteration.is_(None))
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
    return HeartbeatReply(found.state, found.finish_requested, bool(steer))


def complete_job(db: Database, claim: Claim, result: Result) -> JobState:
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
        "provenance": result.provenance,
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
        transition(db, session, was, Event.COMPLETE, state, **kept)
        if kept:
            session.add_all(output_rows(claim.job_id, result.outputs))
    return state


def stop_job(db: Database, claim: Claim) -> JobState:
    """Let go of a job that was asked to pause or stop; the device is free by now.

    If it was resumed in the very last moment, that is as if the worker had to leave.
    """
    with db.write() as session:
        was = lock_held(session, claim)
        if was.state == JobState.RUNNING:
            return _released(db, session, was)
        return release_to(db, session, was, Event.STOPPED, **_refund(was))


def release_job(db: Database, claim: Claim) -> JobState:
    """Give the job back because this worker has to leave; the attempt is refunded."""
    with db.write() as session:
        return _released(db, session, lock_held(session, claim))


def fail_job(
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
        return release_to(db, session, was, event, **columns)


def postpone_job(
    db: Database, claim: Claim, failure: Failure, seconds: float
) -> JobState:
    """Give the job back for a while because of an outage; the attempt is refunded."""
    with db.write() as session:
        was = lock_held(session, claim)
        columns = {} if was.state == JobState.CANCELING else told(failure)
        columns |= _refund(was)
        if was.state == JobState.RUNNING:
            columns |= _backing_off(db, seconds)
        return release_to(db, session, was, Event.RETRY, **columns)


def release_to(
    db: Database, session: Session, was: Job, event: Event, **columns: Any
) -> JobState:
    """Take a held job to where `event` leads.

    A job that is to be finished does not stay paused: its picture is wanted now.
    """
    state = EVENTS[event][was.state]
    transition(db, session, was, event, state, **columns)
    if state != JobState.PAUSED or not was.finish_requested:
        return state
    session.refresh(was)
    transition(db, session, was, Verb.FINISH, JobState.QUEUED)
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
    return release_to(db, session, was, Event.RELEASE, **columns)


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


def retry_with_smaller_steps(
    db: Database, claim: Claim, failure: Failure, step_scale: float
) -> JobState:
    """Give a diverged job back, once, to go on at once with smaller steps.

    The attempt is refunded: that there is a `step_scale` is what ends the second one.

    Raises:
        FencedOut: A newer claim owns the job.
    """
    with db.write() as session:
        was = lock_held(session, claim)
        state = EVENTS[Event.RETRY][was.state]
        columns: dict[str, Any] = {}
        if state != JobState.CANCELED:
            columns = {**told(failure), "step_scale": step_scale}
        if state == JobState.QUEUED:
            columns |= {
                "attempts": Job.attempts - 1,
                "state_reason": StateReason.RECOVERING,
            }
        return release_to(db, session, was, Event.RETRY, **columns)


def retry_smaller(db: Database, claim: Claim, params: StyleParams) -> None:
    """Let a job that did not fit go on with smaller `params`, and say so.

    Raises:
        FencedOut: A newer claim owns the job.
    """
    with db.write() as session:
        job = lock_held(session, claim)
        session.execute(
            update(Job)
            .where(*held_by(claim))
            .values(**smaller_columns(session, job, params))
        )


def smaller_columns(session: Session, job: Job, params: StyleParams) -> dict[str, Any]:
    """Columns of a job that is made smaller than it was asked for."""
    segments = segments_of(session, [job.id]).get(job.id, ())
    asked = job.requested_max_edge or job.params["max_edge"]
    warning = {
        "code": "made_smaller",
        "message": f"made at {params.max_edge} px, as {asked} px did not fit the "
        "memory of the device",
    }
    others = [one for one in job.warnings if one["code"] != warning["code"]]
    return {
        "params": params.model_dump(mode="json"),
        "iterations": steered(params, segments).iterations,
        "need_bytes": need_bytes(params),
        "requested_max_edge": asked,
        "warnings": [*others, warning],
        "revision": Job.revision + 1,
    }
