"""Reads of jobs, their lineage, frames, events, inputs, outputs, and live workers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select

from shared.db.models.assets import Asset
from shared.db.models.auth import Owner
from shared.db.models.jobs import Frame, Job, JobEvent, JobInput, JobOutput
from shared.db.models.workers import Worker
from shared.errors import JobNotFound, JobPurged, NotFound
from shared.states import TERMINAL, JobState
from shared.workers.registry import is_alive

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from shared.db.database import Database

MAX_RELATIVES = 1_000  # maximum jobs of a returned lineage

# Columns of the table, since mapped attributes take three times as long.
_job = Job.__table__.c


@dataclass(frozen=True, slots=True)
class JobVersion:
    """Version of a job, to check whether cached data is still valid.

    Attributes:
        version: Version of the job; changes with its visible values.
        state: State of the job.
        lease_until: End of the lease. Each heartbeat moves it, also one with too little
            progress for a new version.
    """

    version: int
    state: JobState
    lease_until: float | None


def read_job_version(db: Database, owner_id: str, job_id: str) -> JobVersion:
    """Read the version of a job, in one query.

    Raises:
        JobNotFound: This owner has no such job.
        JobPurged: The owner has deleted it.
    """
    row = db.read_row(_version_statement(), {"job_id": job_id, "owner_id": owner_id})
    if row is not None:
        version, state, lease_until = row
        return JobVersion(version, JobState(state), lease_until)
    get_job(db, owner_id, job_id)  # raises the reason
    return read_job_version(db, owner_id, job_id)  # created meanwhile


@cache
def _version_statement() -> Select[Any]:
    """Build the statement once, since this takes longer than the query."""
    return select(_job.version, _job.state, _job.lease_until).where(
        _job.id == bindparam("job_id"),
        _job.owner_id == bindparam("owner_id"),
        _job.deleted_at.is_(None),
    )


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


def read_jobs(db: Database, job_ids: Collection[str]) -> list[Job]:
    """Read jobs by id, of any owner; unknown ids are left out."""
    with db.read() as session:
        return list(session.scalars(select(Job).where(Job.id.in_(job_ids))))


def read_unfinished_jobs(db: Database, owner_id: str, limit: int) -> list[Job]:
    """Read at most `limit` unfinished jobs of an owner, oldest first."""
    # Concatenated with an empty text, so that SQLite uses the index by state. Most jobs
    # of an owner have ended, and the index by owner would read all of them.
    of_owner = Job.owner_id.concat("") == owner_id
    active = [state for state in JobState if state not in TERMINAL]
    with db.read() as session:
        jobs = session.scalars(
            select(Job).where(Job.state.in_(active), of_owner).limit(limit)
        ).all()
    return sorted(jobs, key=lambda job: (job.created_at, job.id))


def get_output(db: Database, job_id: str, name: str) -> JobOutput:
    """Read the row of one output file of a job.

    Raises:
        NotFound: The job has no output of this name, or not yet.
    """
    same_name = (JobOutput.job_id == job_id, JobOutput.name == name)
    with db.read() as session:
        output = session.scalar(select(JobOutput).where(*same_name))
    if output is None:
        raise NotFound(f"job {job_id} has no output of this name")
    return output


def read_latest_frame(db: Database, job_id: str) -> Frame | None:
    """Read the newest preview of a job; None if there is none yet."""
    frames = select(Frame).where(Frame.job_id == job_id)
    with db.read() as session:
        return session.scalar(frames.order_by(Frame.iteration.desc()).limit(1))


def read_frames(db: Database, job_id: str) -> Sequence[Frame]:
    """Read the stored previews of a job, in order; at most a few hundred."""
    frames = select(Frame).where(Frame.job_id == job_id).order_by(Frame.iteration)
    with db.read() as session:
        return session.scalars(frames).all()


def get_frame(db: Database, job_id: str, iteration: int) -> Frame:
    """Read the preview of one iteration.

    Raises:
        NotFound: There is no preview of this iteration.
    """
    with db.read() as session:
        frame = session.get(Frame, (job_id, iteration))
    if frame is None:
        raise NotFound(f"job {job_id} has no preview of iteration {iteration}")
    return frame


def read_job_events(
    db: Database, job_id: str, after: int, limit: int
) -> Sequence[JobEvent]:
    """Read the events of a job after the event numbered `after`, in order."""
    events = select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.seq > after)
    with db.read() as session:
        return session.scalars(events.order_by(JobEvent.seq).limit(limit)).all()


def read_inputs(db: Database, job_id: str) -> list[tuple[JobInput, Asset]]:
    """Read the input pictures of a job in order, deleted ones included."""
    statement = (
        select(JobInput, Asset)
        .join(Asset, Asset.id == JobInput.asset_id)
        .where(JobInput.job_id == job_id)
        .order_by(JobInput.role, JobInput.position)
    )
    with db.read() as session:
        return [(row, asset) for row, asset in session.execute(statement)]


def read_queue_lengths(db: Database) -> tuple[int, int]:
    """Return the numbers of queued and of running jobs of all owners."""
    counts = select(func.sum(Owner.queued), func.sum(Owner.running))
    with db.read() as session:
        queued, running = session.execute(counts).one()
    return int(queued or 0), int(running or 0)


def read_live_workers(db: Database) -> list[Worker]:
    """Read the workers whose last heartbeat is less than 30 seconds old."""
    with db.read() as session:
        return list(session.scalars(select_live_workers(db)))


def select_live_workers(db: Database) -> Select[Worker]:
    """Select the workers whose last heartbeat is less than 30 seconds old."""
    return select(Worker).where(is_alive(db)).order_by(Worker.id)


def read_database_clock(db: Database) -> tuple[float, float]:
    """Read the time of the database's clock, and the newest time in its rows."""
    with db.read() as session:
        now = session.scalars(select(db.now)).one()
        ended_at = session.scalar(select(func.max(Job.finished_at))) or 0.0
        seen_at = session.scalar(select(func.max(Worker.last_seen))) or 0.0
    return now, max(ended_at, seen_at)


def read_lineage(db: Database, owner_id: str, job_id: str) -> tuple[list[Job], bool]:
    """Read the lineage of a job, ancestors first; deleted jobs are included.

    Returns:
        The jobs, and whether there are more of them.
    """
    with db.read() as session:
        root = _find_root(session, owner_id, job_id)
        relatives, parents = [root], [root.id]
        while parents and len(relatives) <= MAX_RELATIVES:
            children = session.scalars(
                select(Job)
                .where(Job.parent_id.in_(parents), Job.owner_id == owner_id)
                .order_by(Job.created_at, Job.id)
                .limit(MAX_RELATIVES + 1 - len(relatives))
            ).all()
            relatives += children
            parents = [child.id for child in children]
    return relatives[:MAX_RELATIVES], len(relatives) > MAX_RELATIVES


def _find_root(session: Session, owner_id: str, job_id: str) -> Job:
    jobs = select(Job).where(Job.owner_id == owner_id)
    root = session.scalars(jobs.where(Job.id == job_id)).one()
    for _ in range(MAX_RELATIVES):
        if root.parent_id is None:
            break
        parent = session.scalar(jobs.where(Job.id == root.parent_id))
        if parent is None:
            break
        root = parent
    return root
