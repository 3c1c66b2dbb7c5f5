"""Reads of the event log, and of the progress of running jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import aliased

from shared.db.models.jobs import Frame, Job, JobEvent

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Select

    from shared.db.database import Database
    from shared.states import JobState

_JOB_COLUMNS = 10  # of a `RunningJob`, before the columns of its frame


@dataclass(frozen=True, slots=True)
class JobEventRow:
    """Row of the event log. Rows of one job are committed in the order of `seq`."""

    seq: int
    job_id: str
    owner_id: str
    event: str
    from_state: JobState | None
    state: JobState
    at: float
    detail: dict[str, Any] | None
    fence: int


@dataclass(frozen=True, slots=True)
class RunningJob:
    """Values of a job that change without a row in the event log.

    Attributes:
        frame: (iteration, width, height) of the newest preview.
    """

    job_id: str
    owner_id: str
    version: int
    revision: int
    state: JobState
    iteration: int
    iterations: int
    finished_at: float | None
    progress: dict[str, Any] | None
    checkpoint_iteration: int
    frame: tuple[int, int, int] | None


def read_latest_seq(db: Database) -> int:
    """Return the number of the last row of the event log."""
    with db.read() as session:
        return session.scalar(select(func.max(JobEvent.seq))) or 0


def read_owner_events(
    db: Database,
    owner_id: str,
    after: int,
    limit: int,
    job_ids: Collection[str] | None = None,
) -> list[JobEventRow]:
    """Read the event log of an owner after the row `after`.

    Args:
        db: Database.
        owner_id: Owner of the jobs.
        after: Number of the last row already read.
        limit: Maximum number of rows.
        job_ids: Ids of the jobs, or None for all jobs of the owner.
    """
    statement = _select_events().where(Job.owner_id == owner_id, JobEvent.seq > after)
    if job_ids is not None:
        statement = statement.where(JobEvent.job_id.in_(job_ids))
    return _read(db, statement.limit(limit))


def read_events_after(
    db: Database, after: int, missing_seqs: Collection[int], limit: int
) -> list[JobEventRow]:
    """Read the event log of all owners after `after`, and earlier rows by number."""
    new = JobEvent.seq > after
    condition = or_(new, JobEvent.seq.in_(missing_seqs)) if missing_seqs else new
    return _read(db, _select_events().where(condition).limit(limit))


def read_running_jobs(
    db: Database, job_ids: Collection[str], owner_ids: Collection[str]
) -> list[RunningJob]:
    """Read the progress of these jobs, and of leased jobs of these owners."""
    of_owners = and_(Job.lease_until.is_not(None), Job.owner_id.in_(owner_ids))
    any_frame = aliased(Frame)
    newest = (
        select(func.max(any_frame.iteration))
        .where(any_frame.job_id == Job.id)
        .correlate(Job)
        .scalar_subquery()
    )
    statement = (
        select(
            Job.id,
            Job.owner_id,
            Job.version,
            Job.revision,
            Job.state,
            Job.iteration,
            Job.iterations,
            Job.finished_at,
            Job.progress,
            Job.checkpoint_iteration,
            Frame.iteration,
            Frame.width,
            Frame.height,
        )
        .outerjoin(Frame, and_(Frame.job_id == Job.id, Frame.iteration == newest))
        .where(or_(Job.id.in_(job_ids), of_owners))
    )
    with db.read() as session:
        return [_running_job(tuple(row)) for row in session.execute(statement)]


def _running_job(row: Sequence[Any]) -> RunningJob:
    job, frame = row[:_JOB_COLUMNS], row[_JOB_COLUMNS:]
    return RunningJob(*(*job, None if frame[0] is None else tuple(frame)))


def _select_events() -> Select[Any]:
    return (
        select(
            JobEvent.seq,
            JobEvent.job_id,
            Job.owner_id,
            JobEvent.event,
            JobEvent.from_state,
            JobEvent.state,
            JobEvent.at,
            JobEvent.detail,
            JobEvent.fence,
        )
        .join(Job, Job.id == JobEvent.job_id)
        .order_by(JobEvent.seq)
    )


def _read(db: Database, statement: Select[Any]) -> list[JobEventRow]:
    with db.read() as session:
        return [JobEventRow(*row) for row in session.execute(statement)]
