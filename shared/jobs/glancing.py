"""The little of a job by which one knows whether anything about it is new."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select

from shared.jobs.reading import get_job
from shared.models import Asset, Checkpoint, Frame, Job, JobInput, Segment

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select

    from shared.db import Database
    from shared.states import JobState

# Columns of tables, without their classes: a query of those takes three times as long.
_JOBS = Job.__table__
job, frame, segment = _JOBS.c, Frame.__table__.c, Segment.__table__.c
checkpoint = Checkpoint.__table__.c
used, asset = JobInput.__table__.c, Asset.__table__.c


@dataclass(frozen=True, slots=True)
class Glance:
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
    ckpt_iter: int
    warnings: list[Any]
    worker_id: str | None
    parent_id: str | None
    frame: int | None
    stored: int
    kept: int
    begun: int
    gone: int


def glance(db: Database, owner_id: str, job_id: str) -> Glance:
    """Read it, in one query.

    Raises:
        JobNotFound: This owner has no such job.
    """
    with db.look() as connection:
        row = connection.execute(
            _statement(), {"job_id": job_id, "owner_id": owner_id}
        ).one_or_none()
    if row is not None:
        return Glance(*row)
    get_job(db, owner_id, job_id)  # says why there is none
    return glance(db, owner_id, job_id)  # made in between


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
        job.ckpt_iter,
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
