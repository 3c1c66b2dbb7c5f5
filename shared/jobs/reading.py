"""Looking at jobs without changing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, tuple_

from shared.errors import JobNotFound, NotFound
from shared.jobs.attending import WORKER_ALIVE_SECONDS
from shared.models import Asset, Frame, Job, JobOutput, Worker
from shared.states import TERMINAL, JobState

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Select

    from shared.db import Database


def get_job(db: Database, owner_id: str, job_id: str) -> Job:
    """Read one job.

    Raises:
        JobNotFound: This owner has no such job.
    """
    with db.read() as session:
        job = session.scalar(
            select(Job).where(Job.id == job_id, Job.owner_id == owner_id)
        )
    if job is None:
        raise JobNotFound(f"job {job_id} does not exist")
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


def get_asset(db: Database, owner_id: str, asset_id: str) -> Asset:
    """Read one uploaded picture's row.

    Raises:
        NotFound: This owner has no such asset.
    """
    mine = (Asset.id == asset_id, Asset.owner_id == owner_id)
    with db.read() as session:
        asset = session.scalar(select(Asset).where(*mine))
    if asset is None:
        raise NotFound(f"asset {asset_id} does not exist")
    return asset


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


def list_jobs(
    db: Database,
    owner_id: str,
    limit: int,
    before: tuple[float, str] | None = None,
    state: JobState | None = None,
) -> list[Job]:
    """Read an owner's jobs, newest first.

    Args:
        db: The database.
        owner_id: Whose.
        limit: At most so many.
        before: (created_at, id) of the last job already seen.
        state: Only jobs in this state.
    """
    statement = select(Job).where(Job.owner_id == owner_id)
    if before is not None:
        statement = statement.where(tuple_(Job.created_at, Job.id) < before)
    if state is not None:
        statement = statement.where(Job.state == state)
    ordered = statement.order_by(Job.created_at.desc(), Job.id.desc()).limit(limit)
    with db.read() as session:
        return list(session.scalars(ordered))


def latest_frame(db: Database, job_id: str) -> Frame | None:
    """Read the newest preview of a job, if there is one yet."""
    newest = select(Frame).where(Frame.job_id == job_id)
    with db.read() as session:
        return session.scalar(newest.order_by(Frame.iteration.desc()).limit(1))


def live_workers(db: Database) -> list[Worker]:
    """Workers seen in the last 30 seconds."""
    with db.read() as session:
        return list(session.scalars(alive(db)))


def alive(db: Database) -> Select[Worker]:
    """SQL: the workers seen in the last 30 seconds."""
    seen = Worker.last_seen > db.now - WORKER_ALIVE_SECONDS
    return select(Worker).where(seen).order_by(Worker.id)
