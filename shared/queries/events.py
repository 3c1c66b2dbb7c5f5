"""Reading what happens to jobs: their log, and what moves while a worker holds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import aliased

from shared.db.models.jobs import Frame, Job, JobEvent
from shared.states import JobState

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Select

    from shared.db.database import Database

_ABOUT = 9  # columns of a job before those of its frame


@dataclass(frozen=True, slots=True)
class JobEventRow:
    """One line of the log. Lines of one job are committed in the order of `seq`."""

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
    """What changes about a job without a line in the log.

    Attributes:
        frame: (iteration, width, height, key of the thumbnail) of the newest preview.
    """

    job_id: str
    owner_id: str
    revision: int
    state: JobState
    iteration: int
    iterations: int
    finished_at: float | None
    progress: dict[str, Any] | None
    checkpoint_iteration: int
    frame: tuple[int, int, int, str] | None


def latest_seq(db: Database) -> int:
    """Number of the last line of the log."""
    with db.read() as session:
        return session.scalar(select(func.max(JobEvent.seq))) or 0


def events_of_job(
    db: Database,
    owner_id: str,
    after: int,
    limit: int,
    job_ids: Collection[str] | None = None,
) -> list[JobEventRow]:
    """Read an owner's log from the line after `after` on.

    Args:
        db: The database.
        owner_id: Whose.
        after: Number of the last line already seen.
        limit: At most so many lines.
        job_ids: Of these jobs only.
    """
    wanted = _lines().where(Job.owner_id == owner_id, JobEvent.seq > after)
    if job_ids is not None:
        wanted = wanted.where(JobEvent.job_id.in_(job_ids))
    return _read(db, wanted.limit(limit))


def events_after(
    db: Database, after: int, missing: Collection[int], limit: int
) -> list[JobEventRow]:
    """Read everybody's log after `after`, and lines before it that were missing."""
    new = JobEvent.seq > after
    wanted = or_(new, JobEvent.seq.in_(missing)) if missing else new
    return _read(db, _lines().where(wanted).limit(limit))


def running_jobs(
    db: Database, job_ids: Collection[str], owner_ids: Collection[str]
) -> list[RunningJob]:
    """Read how these jobs are, and the held ones of these owners, in one query."""
    of_owners = and_(Job.lease_until.is_not(None), Job.owner_id.in_(owner_ids))
    other = aliased(Frame)
    newest = (
        select(func.max(other.iteration))
        .where(other.job_id == Job.id)
        .correlate(Job)
        .scalar_subquery()
    )
    rows = (
        select(
            Job.id,
            Job.owner_id,
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
            Frame.thumb_key,
        )
        .outerjoin(Frame, and_(Frame.job_id == Job.id, Frame.iteration == newest))
        .where(or_(Job.id.in_(job_ids), of_owners))
    )
    with db.read() as session:
        return [_moving(tuple(row)) for row in session.execute(rows)]


def _moving(row: Sequence[Any]) -> RunningJob:
    about, (iteration, *size) = row[:_ABOUT], row[_ABOUT:]
    frame = None if iteration is None else (iteration, *size)
    return RunningJob(*(*about, frame))


def _lines() -> Select[Any]:
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


def _read(db: Database, wanted: Select[Any]) -> list[JobEventRow]:
    with db.read() as session:
        return [_logged(tuple(row)) for row in session.execute(wanted)]


def _logged(row: Sequence[Any]) -> JobEventRow:
    seq, job_id, owner_id, event, before, state, *rest = row
    was = None if before is None else JobState(before)
    return JobEventRow(seq, job_id, owner_id, event, was, JobState(state), *rest)
