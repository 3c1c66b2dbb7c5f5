"""The little of a job by which one knows whether anything about it is new.

Looking at jobs without changing them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select

from shared.db.models.assets import Asset
from shared.db.models.jobs import (
    Checkpoint,
    Frame,
    Job,
    JobEvent,
    JobInput,
    JobOutput,
    JobSegment,
)
from shared.db.models.owners import Owner
from shared.db.models.workers import Worker
from shared.errors import JobNotFound, JobPurged, NotFound
from shared.states import TERMINAL, JobState
from shared.workers.registry import WORKER_ALIVE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement, Select

    from shared.db.database import Database

# Columns of tables, without their classes: a query of those takes three times as long.
_JOBS = Job.__table__
job, frame, segment = _JOBS.c, Frame.__table__.c, JobSegment.__table__.c
checkpoint = Checkpoint.__table__.c
used, asset = JobInput.__table__.c, Asset.__table__.c


@dataclass(frozen=True, slots=True)
class JobVersion:
    """What of a job changes, with or without a new revision.

    Attributes:
        frame: Iteration of the newest preview.
        stored: How many checkpoints it has.
        kept: How many of them are kept for forks.
        begun: How many of its segments have begun or have a known beginning.
        gone: How many of its pictures were deleted.
    """

    job_id: str
    revision: int
    state: JobState
    state_reason: str | None
    iteration: int
    iterations: int
    finished_at: float | None
    progress: dict[str, Any] | None
    checkpoint_iteration: int
    warnings: list[Any]
    worker_id: str | None
    parent_id: str | None
    frame: int | None
    stored: int
    kept: int
    begun: int
    gone: int


def read_job_version(db: Database, owner_id: str, job_id: str) -> JobVersion:
    """Read it, in one query.

    Raises:
        JobNotFound: This owner has no such job.
    """
    with db.look() as connection:
        row = connection.execute(
            _statement(), {"job_id": job_id, "owner_id": owner_id}
        ).one_or_none()
    if row is not None:
        return JobVersion(*row)
    get_job(db, owner_id, job_id)  # says why there is none
    return read_job_version(db, owner_id, job_id)  # made in between


@cache
def _statement() -> Select[Any]:
    """Put it together once: that takes longer than the query."""
    of_frame, of_segment = frame.job_id == job.id, segment.job_id == job.id
    of_checkpoint = checkpoint.job_id == job.id
    return select(
        job.id,
        job.revision,
        job.state,
        job.state_reason,
        job.iteration,
        job.iterations,
        job.finished_at,
        job.progress,
        job.checkpoint_iteration,
        job.warnings,
        job.worker_id,
        job.parent_id,
        select(func.max(frame.iteration)).where(of_frame).scalar_subquery(),
        _count(of_checkpoint),
        _count(of_checkpoint, checkpoint.kept.is_(True)),
        _count(of_segment, segment.from_iteration.is_not(None)),
        _count(used.job_id == job.id, asset.id == used.asset_id, asset.key.is_(None)),
    ).where(
        job.id == bindparam("job_id"),
        job.owner_id == bindparam("owner_id"),
        job.deleted_at.is_(None),
    )


def _count(*which: ColumnElement[bool]) -> ColumnElement[int]:
    return select(func.count()).where(*which).correlate(_JOBS).scalar_subquery()


def get_job(db: Database, owner_id: str, job_id: str) -> Job:
    """Read one job.

    Raises:
        JobNotFound: This owner has no such job.
        JobPurged: The owner has deleted it.
    """
    with db.read() as session:
        job = session.scalar(
            select(Job).where(Job.id == job_id, Job.owner_id == owner_id)
        )
    if job is None:
        raise JobNotFound(f"job {job_id} does not exist")
    if job.deleted_at is not None:
        raise JobPurged(f"job {job_id} was deleted")
    return job


def jobs_by_id(db: Database, job_ids: Collection[str]) -> list[Job]:
    """Read jobs by their ids, whosoever they are; those that are gone are missing."""
    with db.read() as session:
        return list(session.scalars(select(Job).where(Job.id.in_(job_ids))))


def unfinished_jobs(db: Database, owner_id: str, limit: int) -> list[Job]:
    """Read an owner's jobs that are not over, at most so many, oldest first."""
    # Joined with nothing, so that SQLite goes by the state: most jobs of an owner are
    # over, and their index by owner leads through all of them.
    of_owner = Job.owner_id.concat("") == owner_id
    active = [state for state in JobState if state not in TERMINAL]
    with db.read() as session:
        found = session.scalars(
            select(Job).where(Job.state.in_(active), of_owner).limit(limit)
        ).all()
    return sorted(found, key=lambda job: (job.created_at, job.id))


def get_output(db: Database, job_id: str, name: str) -> JobOutput:
    """Read the row of one of the files that a job has made.

    Raises:
        NotFound: It has none of this name, or not yet.
    """
    named = (JobOutput.job_id == job_id, JobOutput.name == name)
    with db.read() as session:
        output = session.scalar(select(JobOutput).where(*named))
    if output is None:
        raise NotFound(f"job {job_id} has no output of this name")
    return output


def latest_frame(db: Database, job_id: str) -> Frame | None:
    """Read the newest preview of a job, if there is one yet."""
    newest = select(Frame).where(Frame.job_id == job_id)
    with db.read() as session:
        return session.scalar(newest.order_by(Frame.iteration.desc()).limit(1))


def frames_of(db: Database, job_id: str) -> Sequence[Frame]:
    """Read the previews of a job that are kept, in order; at most a few hundred."""
    kept = select(Frame).where(Frame.job_id == job_id).order_by(Frame.iteration)
    with db.read() as session:
        return session.scalars(kept).all()


def get_frame(db: Database, job_id: str, iteration: int) -> Frame:
    """Read the preview of one iteration.

    Raises:
        NotFound: There is none of it.
    """
    with db.read() as session:
        frame = session.get(Frame, (job_id, iteration))
    if frame is None:
        raise NotFound(f"job {job_id} has no preview of iteration {iteration}")
    return frame


def events_of(db: Database, job_id: str, after: int, limit: int) -> Sequence[JobEvent]:
    """Read what happened to a job, in order, behind the event numbered `after`."""
    later = select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.seq > after)
    with db.read() as session:
        return session.scalars(later.order_by(JobEvent.seq).limit(limit)).all()


def pictures_of(db: Database, job_id: str) -> list[tuple[JobInput, Asset]]:
    """Read which pictures a job is made from, deleted ones included, in order."""
    used = (
        select(JobInput, Asset)
        .join(Asset, Asset.id == JobInput.asset_id)
        .where(JobInput.job_id == job_id)
        .order_by(JobInput.role, JobInput.position)
    )
    with db.read() as session:
        return [(row, asset) for row, asset in session.execute(used)]


def queue_lengths(db: Database) -> tuple[int, int]:
    """Count the jobs that wait, and those that a worker holds, of all owners."""
    counts = select(func.sum(Owner.queued), func.sum(Owner.running))
    with db.read() as session:
        queued, running = session.execute(counts).one()
    return int(queued or 0), int(running or 0)


def live_workers(db: Database) -> list[Worker]:
    """Workers seen in the last 30 seconds."""
    with db.read() as session:
        return list(session.scalars(alive(db)))


def alive(db: Database) -> Select[Worker]:
    """SQL: the workers seen in the last 30 seconds."""
    seen = Worker.last_seen > db.now - WORKER_ALIVE_SECONDS
    return select(Worker).where(seen).order_by(Worker.id)
