"""Details of jobs from related rows, read for a page of jobs at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Double, and_, column, func, select, values

from shared.db.models.assets import Asset
from shared.db.models.jobs import (
    Checkpoint,
    Frame,
    Job,
    JobInput,
    JobOutput,
)
from shared.db.models.workers import Worker
from shared.jobs.segments import read_job_segments, read_pending_changes
from shared.queries.queue import read_queue_state
from shared.states import TERMINAL, JobState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.orm import Session

    from shared.db.database import Database
    from shared.params.segments import Changes, Segment
    from shared.queries.queue import QueueState

Detail = TypeVar("Detail")


@dataclass(frozen=True, slots=True)
class JobDetails:
    """Related rows of some jobs, and their places in the queue.

    Attributes:
        frames: Newest preview by job id, if there is one.
        outputs: Output files by job id, in order, for jobs with several files.
        jobs_ahead: Number of ready jobs before each queued job, by job id.
        workers: Registered workers of the jobs, by worker id.
        queue_state: State of the queue; None if it was not read.
        segments: Changes of parameters by job id, if there are any.
        pending_changes: Changes that have not begun, by job id, if there are any.
        checkpoints: Checkpoints by job id, in order.
        deleted_assets: Ids of deleted input pictures, once for each role, by job id.
    """

    frames: dict[str, Frame] = field(default_factory=dict)
    outputs: dict[str, list[JobOutput]] = field(default_factory=dict)
    jobs_ahead: dict[str, int] = field(default_factory=dict)
    workers: dict[str, Worker] = field(default_factory=dict)
    queue_state: QueueState | None = None
    segments: dict[str, tuple[Segment, ...]] = field(default_factory=dict)
    pending_changes: dict[str, list[Changes]] = field(default_factory=dict)
    checkpoints: dict[str, list[Checkpoint]] = field(default_factory=dict)
    deleted_assets: dict[str, list[str]] = field(default_factory=dict)


def load_details(
    db: Database, jobs: Sequence[Job], *, with_queue: bool = False
) -> JobDetails:
    """Read the details of jobs, in a fixed number of queries.

    Args:
        db: Database to read.
        jobs: Rows of the jobs.
        with_queue: True to read the queue if a job is queued; this takes longer than
            all other queries.
    """
    queued = [job for job in jobs if with_queue and job.state == JobState.QUEUED]
    ids = [job.id for job in jobs]
    queue_state = read_queue_state(db) if queued else None
    with db.read() as session:
        return JobDetails(
            frames=_newest_frames(session, ids),
            outputs=_outputs(session, ids),
            jobs_ahead=_jobs_ahead(
                session, queued, queue_state.jobs_ahead if queue_state else {}
            ),
            workers=_workers(session, {job.worker_id for job in jobs} - {None}),
            queue_state=queue_state,
            segments=read_job_segments(session, ids),
            pending_changes=read_pending_changes(session, ids),
            checkpoints=_checkpoints(session, ids),
            deleted_assets=_deleted_assets(
                session, [job.id for job in jobs if job.state in TERMINAL]
            ),
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


def _checkpoints(
    session: Session, job_ids: Sequence[str]
) -> dict[str, list[Checkpoint]]:
    rows = session.scalars(
        select(Checkpoint)
        .where(Checkpoint.job_id.in_(job_ids))
        .order_by(Checkpoint.job_id, Checkpoint.iteration, Checkpoint.fence)
    )
    return _group((row.job_id, row) for row in rows)


def _deleted_assets(session: Session, job_ids: Sequence[str]) -> dict[str, list[str]]:
    if not job_ids:  # inputs of unfinished jobs cannot be deleted
        return {}
    rows = session.execute(
        select(JobInput.job_id, JobInput.asset_id)
        .join(Asset, Asset.id == JobInput.asset_id)
        .where(JobInput.job_id.in_(job_ids), Asset.key.is_(None))
    )
    return _group((job_id, asset_id) for job_id, asset_id in rows)


def _outputs(session: Session, job_ids: Sequence[str]) -> dict[str, list[JobOutput]]:
    rows = session.scalars(
        select(JobOutput)
        .where(JobOutput.job_id.in_(job_ids))
        .order_by(JobOutput.job_id, JobOutput.position)
    )
    return _group((row.job_id, row) for row in rows)


def _group(pairs: Iterable[tuple[str, Detail]]) -> dict[str, list[Detail]]:
    """Group details by job id."""
    groups: dict[str, list[Detail]] = {}
    for job_id, detail in pairs:
        groups.setdefault(job_id, []).append(detail)
    return groups


def _jobs_ahead(
    session: Session, queued: Sequence[Job], known: Mapping[str, int]
) -> dict[str, int]:
    """Return the number of jobs ahead of each queued job, by job id.

    Jobs that the queue state lacks, and jobs that back off, are counted by age only.
    """
    from_state = {job.id: known[job.id] for job in queued if job.id in known}
    keys = {j.id: j.ready_key or j.created_at for j in queued if j.id not in known}
    before = _count_before(session, sorted(set(keys.values()))) if keys else {}
    return from_state | {job_id: before[key] for job_id, key in keys.items()}


def _count_before(session: Session, keys: Sequence[float]) -> dict[float, int]:
    """Count the ready jobs before each of some sorted keys.

    The database counts from each key to the next, so that no job is counted twice.
    """
    ranges = values(column("low", Double), column("high", Double), name="ranges")
    ranges = ranges.data(list(pairwise([float("-inf"), *keys])))
    between = ranges.cte("ranges")
    in_range = and_(Job.ready_key >= between.c.low, Job.ready_key < between.c.high)
    ready = and_(Job.state == JobState.QUEUED, in_range)
    count = select(func.count()).select_from(Job).where(ready)
    per_range = select(count.correlate(between).scalar_subquery()).select_from(between)
    counts = session.scalars(per_range.order_by(between.c.high))
    return dict(zip(keys, accumulate(counts), strict=True))


def _workers(session: Session, worker_ids: set[str | None]) -> dict[str, Worker]:
    if not worker_ids:
        return {}
    workers = session.scalars(select(Worker).where(Worker.id.in_(worker_ids)))
    return {worker.id: worker for worker in workers}
