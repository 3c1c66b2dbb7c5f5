"""Deleting a job: all that it made goes, and only a row that says so stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from shared.db.blob_refs import unnamed
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
from shared.jobs.actions import allowed_actions, answer_to, possessions
from shared.jobs.checkpoints import drop_checkpoints
from shared.jobs.retention import BATCH, shown
from shared.jobs.transitions import lock_job, log_event, transition
from shared.states import TERMINAL, Answer, Effect, JobState, Verb

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from shared.db.database import Database

DELETED = "deleted"  # in the log
PURGE = "purge"  # the same: asked of a job that is being canceled already


def remove_job(db: Database, owner_id: str, job_id: str) -> list[str]:
    """Take a job that is over away, for good; its children stay.

    Returns:
        Keys of the blobs that no row names any more.

    Raises:
        JobNotFound: The owner has no such job.
        JobPurged: It was deleted before.
        InvalidState: It is not over.
    """
    with db.write() as session:
        job = lock_job(session, job_id, owner_id)
        if job.state not in TERMINAL:
            stored = select(Checkpoint.job_id).where(Checkpoint.job_id == job_id)
            has = possessions(job, has_checkpoint=bool(session.scalar(stored.limit(1))))
            raise InvalidState(job_id, "delete", job.state, allowed_actions(job, has))
        return _purge(db, session, job)


def cancel_and_purge(
    db: Database, owner_id: str, job_id: str
) -> tuple[Answer, list[str]]:
    """Cancel a job, and delete it as soon as no worker holds it.

    Returns:
        What canceling leads to, and keys of the blobs that no row names any more. If
        that is not done, `purge_canceled` deletes the job when its worker has stopped.

    Raises:
        JobNotFound: The owner has no such job.
        JobPurged: It was deleted before.
        InvalidState: It has ended otherwise.
    """
    with db.write() as session:
        job = lock_job(session, job_id, owner_id)
        answer = answer_to(session, job, Verb.CANCEL)
        if answer.effect is Effect.MOVE:
            transition(
                db, session, job, Verb.CANCEL, answer.state, purge_requested_at=db.now
            )
        elif not answer.done and job.purge_requested_at is None:
            transition(db, session, job, PURGE, answer.state, purge_requested_at=db.now)
        if not answer.done:
            return answer, []
        session.refresh(job)
        return answer, _purge(db, session, job)


def purge_canceled(db: Database) -> list[str]:
    """Delete jobs of which that was asked, and which no worker holds any more.

    Returns:
        Keys of the blobs that no row names any more.
    """
    due = (Job.purge_requested_at.is_not(None), Job.state == JobState.CANCELED)
    with db.read() as session:
        found = session.scalars(select(Job.id).where(*due).limit(BATCH)).all()
    keys: list[str] = []
    for job_id in found:
        with db.write() as session:
            this = select(Job).where(Job.id == job_id, *due).with_for_update()
            if (job := session.scalar(this)) is not None:
                keys += _purge(db, session, job)
    return keys


def _purge(db: Database, session: Session, job: Job) -> list[str]:
    keys = _drop_all(session, job)
    session.execute(
        update(JobEvent)
        .where(JobEvent.job_id == job.id)
        .values(detail=None)  # names and texts that were changed
        .execution_options(synchronize_session=False)
    )
    log_event(db, session, job, DELETED, {})
    session.execute(
        update(Job)
        .where(Job.id == job.id)
        .values(deleted_at=db.now, purge_requested_at=None, result_key=None,
                revision=Job.revision + 1, name=None, tags=[], user_metadata={})
    )  # fmt: skip
    return unnamed(session, sorted(keys))


def _drop_all(session: Session, job: Job) -> set[str]:
    keys = shown(session, [job.id]) | {job.result_key or ""}
    stored = select(Checkpoint).where(Checkpoint.job_id == job.id)
    keys |= set(drop_checkpoints(session, session.scalars(stored).all()))
    for table in (Frame, JobOutput, JobLossHistory, JobSearchTerm):
        session.execute(delete(table).where(table.job_id == job.id))
    return keys - {""}
