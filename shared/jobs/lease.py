"""Writes of the worker that holds the lease: heartbeat, result, failure, release.

The WHERE of every statement contains the fence and the nonce of the claim, so that a
worker that has lost its lease changes nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, exists, or_, select, update

from shared.db.models.jobs import Job, JobOutput, JobSegment
from shared.errors import FencedOut
from shared.jobs.segments import read_job_segments
from shared.jobs.transitions import transition
from shared.states import (
    EVENTS,
    Action,
    Completion,
    Event,
    JobState,
    StateReason,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from shared.db.database import Database
    from shared.errors import ImpastoError
    from shared.jobs.claim import Claim


RETRY_FACTOR = 4  # growth of the pause after each failed attempt


@dataclass(frozen=True, slots=True)
class WrittenBlob:
    """Blob that a worker has stored: its key, SHA-256 (hex) and size."""

    key: str
    digest: str
    bytes: int


@dataclass(frozen=True, slots=True)
class StoredOutput:
    """Stored file of a job with several files; `name` is for people."""

    name: str
    blob: WrittenBlob
    media_type: str
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class JobResult:
    """Result of a job, stored by its worker.

    Attributes:
        blob: Generated image, or the first of several files.
        width: Width of that image, in pixels.
        height: Height of that image, in pixels.
        exact: True if the image has the same bits as without interruptions.
        exact_reason: Reason why the image is not exact.
        outputs: All files of a job with several files.
        iterations: Number of iterations done, or None for all.
        completion: EARLY if the job was finished on request before its last iteration.
        progress: Progress at the last iteration, if no heartbeat has reported it; None
            for no change.
        provenance: Digests of pictures and weights (`inputs`), device, threads,
            versions (`maker`).
    """

    blob: WrittenBlob
    width: int
    height: int
    exact: bool
    exact_reason: str | None = None
    outputs: tuple[StoredOutput, ...] = ()
    iterations: int | None = None
    completion: Completion = Completion.FULL
    progress: Mapping[str, Any] | None = None
    provenance: dict[str, dict[str, str]] | None = None

    @property
    def blob_keys(self) -> set[str]:
        """Keys of all blobs of the result."""
        return {self.blob.key} | {output.blob.key for output in self.outputs}


@dataclass(frozen=True, slots=True)
class HeartbeatReply:
    """Reply to the heartbeat of a worker.

    Attributes:
        state: State of the job; the worker has to react to CANCELING and PAUSING.
        finish_requested: True if the job shall finish with its current picture.
        has_pending_segments: True if changes of parameters wait for the next boundary.
    """

    state: JobState
    finish_requested: bool = False
    has_pending_segments: bool = False


def failure_columns(failure: ImpastoError) -> dict[str, Any]:
    """Return the columns that describe the failure of an attempt."""
    return {
        "error_code": failure.code,
        "error_message": str(failure)[:2000],
        "error_hint": failure.hint[:500],
        "error_retryable": failure.retryable,
    }


def output_rows(job_id: str, outputs: tuple[StoredOutput, ...]) -> list[JobOutput]:
    """Build the rows of the files of a job with several files."""
    return [
        JobOutput(
            job_id=job_id,
            position=position,
            name=output.name,
            **asdict(output.blob),
            media_type=output.media_type,
            width=output.width,
            height=output.height,
        )
        for position, output in enumerate(outputs)
    ]


def renew_lease(
    db: Database,
    claim: Claim,
    lease_seconds: float,
    iteration: int,
    progress: dict[str, Any],
) -> HeartbeatReply:
    """Renew the lease, store the progress, and read new requests of users.

    Raises:
        FencedOut: A newer claim owns the job, or it has ended.
    """
    pending = (JobSegment.job_id == claim.job_id, JobSegment.from_iteration.is_(None))
    with db.write() as session:
        row = session.execute(
            update(Job)
            .where(*held_by(claim))
            .values(
                lease_until=db.now + lease_seconds,
                term_seconds=lease_seconds,
                iteration=iteration,
                progress=progress,
                version=_version_with_progress(iteration, progress),
            )
            .returning(Job.state, Job.finish_requested)
            .execution_options(synchronize_session=False)
        ).one_or_none()
        if row is None:
            raise FencedOut(claim.job_id, claim.fence)
        has_pending = session.scalar(select(exists().where(*pending)))
    return HeartbeatReply(row.state, row.finish_requested, bool(has_pending))


def _version_with_progress(
    iteration: int, progress: dict[str, Any]
) -> ColumnElement[int]:
    """SQL expression: the version after a heartbeat.

    There is a new version for each percent of the iterations, each phase and each
    scale. Most heartbeats make no new version, so that most polls get 304.
    """
    is_shown = or_(
        Job.progress.is_(None),
        Job.progress["phase"].as_string().is_distinct_from(progress.get("phase")),
        Job.progress["scale"].as_integer().is_distinct_from(progress.get("scale")),
        100 * Job.iteration // Job.iterations != 100 * iteration // Job.iterations,
    )
    return case((is_shown, Job.version + 1), else_=Job.version)


def complete_job(db: Database, claim: Claim, result: JobResult) -> JobState:
    """Complete the job with its result, after the blobs were stored durably.

    The call may be repeated after the response of the database was lost.

    Returns:
        SUCCEEDED; or CANCELED if this was requested before, and the blobs are unused.

    Raises:
        FencedOut: A newer claim owns the job.
    """
    columns: dict[str, Any] = {
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
    }
    if result.progress is not None:
        columns["progress"] = dict(result.progress)
    with db.write() as session:
        existing = session.get(Job, claim.job_id, with_for_update=True)
        if existing is not None and _is_completed_with(existing, result):
            return existing.state
        job = lock_claimed_job(session, claim)
        state = EVENTS[Event.COMPLETE][job.state]
        if state != JobState.SUCCEEDED:
            columns = {}
        transition(db, session, job, Event.COMPLETE, state, **columns)
        if columns:
            session.add_all(output_rows(claim.job_id, result.outputs))
    return state


def stop_job(db: Database, claim: Claim) -> JobState:
    """Stop a job that shall pause or cancel, after its device was released.

    If the job was resumed at the last moment, it returns to the queue as after a drain.
    """
    with db.write() as session:
        job = lock_claimed_job(session, claim)
        if job.state == JobState.RUNNING:
            return _release(db, session, job)
        return release_to(db, session, job, Event.STOP, **_refund_columns(job))


def release_job(db: Database, claim: Claim) -> JobState:
    """Return the job to the queue because its worker drains; refund the attempt."""
    with db.write() as session:
        return _release(db, session, lock_claimed_job(session, claim))


def fail_job(
    db: Database,
    claim: Claim,
    failure: ImpastoError,
    retry_seconds: float,
    excluded_device: str | None = None,
) -> JobState:
    """Record a failed attempt: the job is retried after a pause, or fails.

    Args:
        db: The database.
        claim: Claim of the attempt that failed.
        failure: Reason of the failure.
        retry_seconds: Pause after the first attempt, in seconds; each later pause is
            four times as long.
        excluded_device: UUID of a device that shall not run the next attempt, or None.

    Raises:
        FencedOut: A newer claim owns the job.
    """
    with db.write() as session:
        job = lock_claimed_job(session, claim)
        # A pausing job may be retried: it waits until its owner resumes it.
        may_retry = job.attempts < job.max_attempts or job.state == JobState.PAUSING
        event = Event.RETRY if failure.retryable and may_retry else Event.FAIL
        state = EVENTS[event][job.state]
        columns = {} if state == JobState.CANCELED else failure_columns(failure)
        if state == JobState.QUEUED:
            pause = retry_seconds * RETRY_FACTOR ** (job.attempts - 1)
            columns |= _backoff_columns(db, pause) | {
                "excluded_device": excluded_device
            }
        return release_to(db, session, job, event, **columns)


def postpone_job(
    db: Database, claim: Claim, failure: ImpastoError, seconds: float
) -> JobState:
    """Retry the job after a pause, because of an outage; refund the attempt."""
    with db.write() as session:
        job = lock_claimed_job(session, claim)
        columns = {} if job.state == JobState.CANCELING else failure_columns(failure)
        columns |= _refund_columns(job)
        if job.state == JobState.RUNNING:
            columns |= _backoff_columns(db, seconds)
        return release_to(db, session, job, Event.RETRY, **columns)


def release_to(
    db: Database, session: Session, job: Job, event: Event, **columns: Any
) -> JobState:
    """Change a locked, leased job to the state after `event`.

    A paused job with a request to finish returns to the queue.
    """
    state = EVENTS[event][job.state]
    transition(db, session, job, event, state, **columns)
    if state != JobState.PAUSED or not job.finish_requested:
        return state
    session.refresh(job)
    transition(db, session, job, Action.FINISH, JobState.QUEUED)
    return JobState.QUEUED


def held_by(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    """SQL condition: the job is still leased to the holder of `claim`.

    The nonce is random, and cleared when the job leaves the leased states.
    """
    return (
        Job.id == claim.job_id,
        Job.fence == claim.fence,
        Job.claim_nonce == claim.nonce,
    )


def lock_claimed_job(session: Session, claim: Claim) -> Job:
    """Read the claimed job and lock its row until the end of the transaction.

    Raises:
        FencedOut: A newer claim owns the job, or it has ended. Or the rows lack changes
            of parameters that this claim has begun, as after a failover that lost
            commits; results of these changes must not be stored.
    """
    job = session.scalar(select(Job).where(*held_by(claim)).with_for_update())
    if job is None or not _has_segments(session, claim):
        raise FencedOut(claim.job_id, claim.fence)
    return job


def _has_segments(session: Session, claim: Claim) -> bool:
    if not claim.segments:
        return True
    begun = read_job_segments(session, [claim.job_id]).get(claim.job_id, ())
    return all(segment in begun for segment in claim.segments)


def _release(db: Database, session: Session, job: Job) -> JobState:
    columns = _refund_columns(job)
    if job.state == JobState.RUNNING:
        columns["state_reason"] = StateReason.RECOVERING
    return release_to(db, session, job, Event.RELEASE, **columns)


def _refund_columns(job: Job) -> dict[str, Any]:
    """Return the columns that refund an attempt that the job did not end."""
    return {} if job.state == JobState.CANCELING else {"attempts": Job.attempts - 1}


def _backoff_columns(db: Database, seconds: float) -> dict[str, Any]:
    return {
        "state_reason": StateReason.BACKING_OFF,
        "run_after": db.now + seconds,
        "term_seconds": seconds,
        "ready_key": None,
    }


def _is_completed_with(job: Job, result: JobResult) -> bool:
    # The key of a blob belongs to a single claim.
    return job.result_key == result.blob.key and job.state == JobState.SUCCEEDED


def retry_with_smaller_steps(
    db: Database, claim: Claim, failure: ImpastoError, step_scale: float
) -> JobState:
    """Retry a diverged job at once with smaller steps, once per job.

    The attempt is refunded. After a second divergence the job fails, since it already
    has a `step_scale`.

    Raises:
        FencedOut: A newer claim owns the job.
    """
    with db.write() as session:
        job = lock_claimed_job(session, claim)
        state = EVENTS[Event.RETRY][job.state]
        columns: dict[str, Any] = {}
        if state != JobState.CANCELED:
            columns = {**failure_columns(failure), "step_scale": step_scale}
        if state == JobState.QUEUED:
            columns |= {
                "attempts": Job.attempts - 1,
                "state_reason": StateReason.RECOVERING,
            }
        return release_to(db, session, job, Event.RETRY, **columns)
