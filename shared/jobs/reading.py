"""Looking at jobs without changing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from shared.errors import JobNotFound, JobPurged, NotFound
from shared.jobs.attending import WORKER_ALIVE_SECONDS
from shared.models import (
    Asset,
    Frame,
    Job,
    JobEvent,
    JobInput,
    JobOutput,
    Owner,
    Worker,
)
from shared.states import TERMINAL, JobState

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Select

    from shared.db import Database


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


def jobs_named(db: Database, job_ids: Collection[str]) -> list[Job]:
    """Read jobs by their ids, whosoever they are; those that are gone are missing."""
    with db.read() as session:
        return list(session.scalars(select(Job).where(Job.id.in_(job_ids))))


def unfinished(db: Database, owner_id: str, limit: int) -> list[Job]:
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
