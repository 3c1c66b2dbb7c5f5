"""What belongs to jobs besides their rows, read for a whole page of them at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise
from typing import TYPE_CHECKING

from sqlalchemy import Double, and_, column, func, select, values

from shared.db.models.assets import Asset
from shared.db.models.jobs import (
    Checkpoint,
    Frame,
    Job,
    JobInput,
    JobOutput,
    JobSegment,
)
from shared.db.models.workers import Worker
from shared.jobs.segments import segments_of
from shared.params.segments import Changes
from shared.queries.queue import read_queue_state
from shared.states import TERMINAL, JobState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from shared.db.database import Database
    from shared.params.segments import Segment
    from shared.queries.queue import QueueState


@dataclass(frozen=True, slots=True)
class JobDetails:
    """Newest previews, outputs, places in line and workers of some jobs.

    Attributes:
        frames: The newest preview by job id, where there is one.
        outputs: The files by job id, in order, of jobs that have made several.
        ahead: How many ready jobs are claimed before each queued one, by job id.
        workers: The workers that hold some of them, by worker id, as far as known.
        line: Who waits and who works; None when no job is queued.
        segments: Their changes of parameters by job id, where there are any.
        pending: Changes that have not begun, by job id, where there are any.
        checkpoints: What each can go on from, by job id, in order.
        gone: Ids of their pictures that were deleted, once for each role, by job id.
    """

    frames: dict[str, Frame]
    outputs: dict[str, list[JobOutput]]
    ahead: dict[str, int]
    workers: dict[str, Worker]
    line: QueueState | None
    segments: dict[str, tuple[Segment, ...]]
    pending: dict[str, list[Changes]]
    checkpoints: dict[str, list[Checkpoint]]
    gone: dict[str, list[str]]


def load_details(db: Database, page: Sequence[Job]) -> JobDetails:
    """Read what belongs to these jobs, in a number of queries that does not grow."""
    queued = [job for job in page if job.state == JobState.QUEUED]
    ids = [job.id for job in page]
    known = read_queue_state(db, with_job=queued[0].id) if queued else None
    with db.read() as session:
        return JobDetails(
            frames=_newest_frames(session, ids),
            outputs=_outputs(session, ids),
            ahead=_places(session, queued, known.rank if known else {}),
            workers=_workers(session, {job.worker_id for job in page} - {None}),
            line=known,
            segments=segments_of(session, ids),
            pending=_pending(session, ids),
            checkpoints=_checkpoints(session, ids),
            gone=_gone(session, [job.id for job in page if job.state in TERMINAL]),
        )


def _newest_frames(session: Session, job_ids: Sequence[str]) -> dict[str, Frame]:
    newest = (
        select(Frame.job_id, func.max(Frame.iteration).label("iteration"))
        .where(Frame.job_id.in_(job_ids))
        .group_by(Frame.job_id)
        .subquery()
    )
    same = (Frame.job_id == newest.c.job_id) & (Frame.iteration == newest.c.iteration)
    frames = session.scalars(select(Frame).join(newest, same))
    return {frame.job_id: frame for frame in frames}


def _pending(session: Session, job_ids: Sequence[str]) -> dict[str, list[Changes]]:
    rows = session.scalars(
        select(JobSegment)
        .where(JobSegment.job_id.in_(job_ids), JobSegment.from_iteration.is_(None))
        .order_by(JobSegment.id)
    )
    found: dict[str, list[Changes]] = {}
    for row in rows:
        found.setdefault(row.job_id, []).append(Changes.model_validate(row.changes))
    return found


def _checkpoints(
    session: Session, job_ids: Sequence[str]
) -> dict[str, list[Checkpoint]]:
    rows = session.scalars(
        select(Checkpoint)
        .where(Checkpoint.job_id.in_(job_ids))
        .order_by(Checkpoint.job_id, Checkpoint.iteration, Checkpoint.fence)
    )
    found: dict[str, list[Checkpoint]] = {}
    for row in rows:
        found.setdefault(row.job_id, []).append(row)
    return found


def _gone(session: Session, job_ids: Sequence[str]) -> dict[str, list[str]]:
    if not job_ids:  # those of others cannot be deleted
        return {}
    rows = session.execute(
        select(JobInput.job_id, JobInput.asset_id)
        .join(Asset, Asset.id == JobInput.asset_id)
        .where(JobInput.job_id.in_(job_ids), Asset.key.is_(None))
    )
    found: dict[str, list[str]] = {}
    for job_id, asset_id in rows:
        found.setdefault(job_id, []).append(asset_id)
    return found


def _outputs(session: Session, job_ids: Sequence[str]) -> dict[str, list[JobOutput]]:
    rows = session.scalars(
        select(JobOutput)
        .where(JobOutput.job_id.in_(job_ids))
        .order_by(JobOutput.job_id, JobOutput.position)
    )
    return {
        job_id: list(outputs)
        for job_id, outputs in groupby(rows, lambda row: row.job_id)
    }


def _places(
    session: Session, queued: Sequence[Job], rank: Mapping[str, int]
) -> dict[str, int]:
    """Where each stands: those far back, and those that back off, by age alone."""
    found = {job.id: rank[job.id] for job in queued if job.id in rank}
    keys = {j.id: j.ready_key or j.created_at for j in queued if j.id not in rank}
    before = _counted(session, sorted(set(keys.values()))) if keys else {}
    return found | {job_id: before[key] for job_id, key in keys.items()}


def _counted(session: Session, keys: Sequence[float]) -> dict[float, int]:
    """Count the ready jobs before each of some keys, which are in order.

    The database counts from each to the next, so that none is counted twice.
    """
    parts = values(column("low", Double), column("high", Double), name="parts")
    parts = parts.data(list(pairwise([float("-inf"), *keys])))
    part = parts.cte("parts")
    between = and_(Job.ready_key >= part.c.low, Job.ready_key < part.c.high)
    ready = and_(Job.state == JobState.QUEUED, between)
    counted = select(func.count()).select_from(Job).where(ready)
    each = select(counted.correlate(part).scalar_subquery()).select_from(part)
    counts = session.scalars(each.order_by(part.c.high))
    return dict(zip(keys, accumulate(counts), strict=True))


def _workers(session: Session, worker_ids: set[str | None]) -> dict[str, Worker]:
    if not worker_ids:
        return {}
    found = session.scalars(select(Worker).where(Worker.id.in_(worker_ids)))
    return {worker.id: worker for worker in found}
