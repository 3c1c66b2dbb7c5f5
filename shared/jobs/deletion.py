"""Deletion of jobs: all files and rows of a job, except its own row, the tombstone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from shared.db.base import unreferenced_keys
from shared.db.models.jobs import (
    Checkpoint,
    Frame,
    Job,
    JobEvent,
    JobLossHistory,
    JobOutput,
    JobSearchTerm,
)
from shared.errors import InvalidState
from shared.jobs.actions import (
    allowed_actions,
    read_met_requirements,
    resolve_action,
)
from shared.jobs.checkpoints import drop_checkpoints
from shared.jobs.retention import BATCH_SIZE, frame_and_output_keys
from shared.jobs.transitions import lock_job, log_event, transition
from shared.states import TERMINAL, Action, ActionEffect, ActionOutcome, JobState

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from shared.db.database import Database

DELETED_EVENT = "deleted"  # in the event log
_PURGE_BODY = '{"purge": true}'
PURGE_EVENT = "purge"  # in the event log: requested while the job is being canceled


def purge_job(db: Database, owner_id: str, job_id: str) -> list[str]:
    """Delete a job that has ended; its children are not deleted.

    Returns:
        Keys of the blobs that no row names any more.

    Raises:
        JobNotFound: The owner has no such job.
        JobPurged: The job was deleted before.
        InvalidState: The job has not ended.
    """
    with db.write() as session:
        job = lock_job(session, job_id, owner_id)
        if job.state not in TERMINAL:
            met = read_met_requirements(session, job)
            allowed = allowed_actions(job, met)
            hint = (
                f"POST /v1/jobs/{job_id}/cancel with {_PURGE_BODY} stops and deletes it"
            )
            raise InvalidState(job_id, "delete", job.state, allowed, hint=hint)
        return _purge_job(db, session, job)


def cancel_and_purge_job(
    db: Database, owner_id: str, job_id: str
) -> tuple[ActionOutcome, list[str]]:
    """Cancel a job, and delete it as soon as no worker holds it.

    Returns:
        Outcome of the cancellation, and keys of the blobs that no row names any more.
        If `done` is false, `purge_canceled_jobs` deletes the job after its worker has
        stopped.

    Raises:
        JobNotFound: The owner has no such job.
        JobPurged: The job was deleted before.
        InvalidState: The job has ended in another state.
    """
    with db.write() as session:
        job = lock_job(session, job_id, owner_id)
        outcome = resolve_action(session, job, Action.CANCEL)
        if outcome.effect is ActionEffect.TRANSITION:
            transition(
                db,
                session,
                job,
                Action.CANCEL,
                outcome.state,
                purge_requested_at=db.now,
            )
        elif not outcome.done and job.purge_requested_at is None:
            transition(
                db, session, job, PURGE_EVENT, outcome.state, purge_requested_at=db.now
            )
        if not outcome.done:
            return outcome, []
        session.refresh(job)
        return outcome, _purge_job(db, session, job)


def purge_canceled_jobs(db: Database) -> list[str]:
    """Delete canceled jobs with a request to delete them, once no worker holds them.

    Returns:
        Keys of the blobs that no row names any more.
    """
    due = (Job.purge_requested_at.is_not(None), Job.state == JobState.CANCELED)
    with db.read() as session:
        job_ids = session.scalars(select(Job.id).where(*due).limit(BATCH_SIZE)).all()
    keys: list[str] = []
    for job_id in job_ids:
        with db.write() as session:
            statement = select(Job).where(Job.id == job_id, *due).with_for_update()
            if (job := session.scalar(statement)) is not None:
                keys += _purge_job(db, session, job)
    return keys


def _purge_job(db: Database, session: Session, job: Job) -> list[str]:
    keys = _delete_dependent_rows(session, job)
    session.execute(
        update(JobEvent)
        .where(JobEvent.job_id == job.id)
        .values(detail=None)  # the detail may contain old names and texts
        .execution_options(synchronize_session=False)
    )
    log_event(db, session, job, DELETED_EVENT, {})
    session.execute(
        update(Job)
        .where(Job.id == job.id)
        .values(deleted_at=db.now, purge_requested_at=None, result_key=None,
                revision=Job.revision + 1, name=None, tags=[], user_metadata={})
    )  # fmt: skip
    return unreferenced_keys(session, sorted(keys))


def _delete_dependent_rows(session: Session, job: Job) -> set[str]:
    keys = frame_and_output_keys(session, [job.id]) | {job.result_key or ""}
    checkpoints = select(Checkpoint).where(Checkpoint.job_id == job.id)
    keys |= set(drop_checkpoints(session, session.scalars(checkpoints).all()))
    for table in (Frame, JobOutput, JobLossHistory, JobSearchTerm):
        session.execute(delete(table).where(table.job_id == job.id))
    return keys - {""}
