"""The little of a job by which one knows whether anything about it is new."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, exists, func, or_, select

from shared.jobs.attending import WORKER_ALIVE_SECONDS
from shared.jobs.reading import get_job
from shared.models import Checkpoint, Frame, Job, Segment, Worker
from shared.states import JobState

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from shared.db import Database


@dataclass(frozen=True, slots=True)
class Glance:
    """What of a job changes, with or without a new revision.

    Attributes:
        frame: Iteration of the newest preview.
        stored: How many checkpoints it has.
        kept: How many of them are kept for forks.
        begun: How many of its segments have begun or have a known beginning.
        ahead: How many ready jobs stand before it; None unless it is queued.
        able: Whether a live worker could ever hold it; asked of queued jobs only.
    """

    job_id: str
    revision: int
    state: JobState
    state_reason: str | None
    iteration: int
    iterations: int
    finished_at: float | None
    progress: dict[str, Any] | None
    ckpt_iter: int
    warnings: list[Any]
    worker_id: str | None
    parent_id: str | None
    frame: int | None
    stored: int
    kept: int
    begun: int
    ahead: int | None = None
    able: bool = True


# Put together once: that takes longer than the query.
_OF_JOB = Checkpoint.job_id == Job.id
_GLANCE = select(
    Job.id,
    Job.revision,
    Job.state,
    Job.state_reason,
    Job.iteration,
    Job.iterations,
    Job.finished_at,
    Job.progress,
    Job.ckpt_iter,
    Job.warnings,
    Job.worker_id,
    Job.parent_id,
    select(func.max(Frame.iteration)).where(Frame.job_id == Job.id).scalar_subquery(),
    select(func.count()).where(_OF_JOB).scalar_subquery(),
    select(func.count()).where(_OF_JOB, Checkpoint.kept.is_(True)).scalar_subquery(),
    select(func.count())
    .where(Segment.job_id == Job.id, Segment.from_iteration.is_not(None))
    .scalar_subquery(),
).where(Job.id == bindparam("job_id"), Job.owner_id == bindparam("owner_id"))


def glance(db: Database, owner_id: str, job_id: str) -> Glance:
    """Read it, in one query, or two while the job is queued.

    Raises:
        JobNotFound: This owner has no such job.
    """
    with db.read() as session:
        row = session.execute(
            _GLANCE, {"job_id": job_id, "owner_id": owner_id}
        ).one_or_none()
        if row is not None and row.state != JobState.QUEUED:
            return Glance(*tuple(row))
        if row is not None:
            ahead, able = _place(db, session, job_id)
            return Glance(*(*row, ahead, able))
    get_job(db, owner_id, job_id)  # says why there is none
    return glance(db, owner_id, job_id)  # made in between


def _place(db: Database, session: Session, job_id: str) -> tuple[int, bool]:
    """How many ready jobs stand before a queued one, and whether it can ever run."""
    mine = select(Job).where(Job.id == job_id).subquery()
    key = func.coalesce(mine.c.ready_key, mine.c.created_at)
    before = select(func.count(Job.id)).where(
        Job.state == JobState.QUEUED, Job.ready_key.is_not(None), Job.ready_key < key
    )
    could = exists().where(
        Worker.last_seen > db.now - WORKER_ALIVE_SECONDS,
        mine.c.need_bytes <= Worker.device_bytes,
        or_(mine.c.device_class.is_(None), mine.c.device_class == Worker.device_class),
    )
    asked = select(before.correlate(mine).scalar_subquery(), could.correlate(mine))
    ahead, able = session.execute(asked.select_from(mine)).one()
    return ahead, able
