"""Deleting a job: all that it made goes, and only a row that says so stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from shared.errors import InvalidState
from shared.jobs.asking import possessions, verbs_of
from shared.jobs.collecting import shown
from shared.jobs.dropping import drop_checkpoints
from shared.jobs.moves import lock_job, note
from shared.jobs.naming import unnamed
from shared.mark_models import JobCurve, JobWord
from shared.models import Checkpoint, Frame, Job, JobEvent, JobOutput
from shared.states import TERMINAL

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from shared.db import Database

DELETED = "deleted"  # in the log


def delete_job(db: Database, owner_id: str, job_id: str) -> list[str]:
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
            raise InvalidState(job_id, "delete", job.state, verbs_of(job, has))
        keys = _drop_all(session, job)
        session.execute(
            update(JobEvent)
            .where(JobEvent.job_id == job_id)
            .values(detail=None)  # names and texts that were changed
            .execution_options(synchronize_session=False)
        )
        note(db, session, job, DELETED, {})
        session.execute(
            update(Job)
            .where(Job.id == job_id)
            .values(deleted_at=db.now, result_key=None, revision=Job.revision + 1,
                    name=None, tags=[], labels={})
        )  # fmt: skip
        return unnamed(session, sorted(keys))


def _drop_all(session: Session, job: Job) -> set[str]:
    keys = shown(session, [job.id]) | {job.result_key or ""}
    stored = select(Checkpoint).where(Checkpoint.job_id == job.id)
    keys |= set(drop_checkpoints(session, session.scalars(stored).all()))
    for table in (Frame, JobOutput, JobCurve, JobWord):
        session.execute(delete(table).where(table.job_id == job.id))
    return keys - {""}
