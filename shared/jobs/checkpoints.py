"""Rows of checkpoints, frames and losses: storage by workers, and deletion.

A child job continues from its parent's blob, so that two checkpoints can name the same
blob. The blob is deleted when the last of its checkpoints is dropped.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from shared.db.base import unreferenced_keys
from shared.db.models.jobs import Checkpoint, Frame, Job, JobLossHistory, bump_versions
from shared.jobs.lease import held_by, lock_claimed_job
from shared.metrics import CHECKPOINTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from shared.db.database import Database
    from shared.jobs.claim import Claim
    from shared.jobs.lease import WrittenBlob

    LossPoint = list[int | float | None]

RETAINED_CHECKPOINTS = 2  # of a running job; the older is used if the newer is damaged
MAX_FRAMES = 200  # of a job


def drop_checkpoints(session: Session, rows: Sequence[Checkpoint]) -> list[str]:
    """Delete checkpoints.

    The jobs get new versions. All rows that name the same blobs are locked first,
    always in the same order. So if two jobs drop the same blob at the same time, the
    later transaction finds that no other row names it.

    Returns:
        Keys of the blobs that no row names any more.
    """
    if not rows:
        return []
    keys, dropped = {row.key for row in rows}, {_primary_key(row) for row in rows}
    # Before the checkpoints, since all transactions lock jobs first.
    bump_versions(session, Job.id.in_({row.job_id for row in rows}))
    same_blob = session.scalars(
        select(Checkpoint)
        .where(Checkpoint.key.in_(keys))
        .order_by(Checkpoint.key, Checkpoint.job_id, Checkpoint.fence)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for row in same_blob:
        if _primary_key(row) in dropped:
            session.delete(row)
    session.flush()
    return unreferenced_keys(session, sorted(keys))


def _primary_key(row: Checkpoint) -> tuple[str, int, int]:
    return row.job_id, row.fence, row.iteration


@dataclass(frozen=True, slots=True)
class NewFrame:
    """Stored preview of one iteration."""

    iteration: int
    scale: int
    width: int
    height: int
    losses: dict[str, float | None]
    key: str
    thumb_key: str


def record_checkpoint(
    db: Database,
    claim: Claim,
    iteration: int,
    blob: WrittenBlob,
    format_version: int,
) -> list[str]:
    """Record a checkpoint for later attempts, after its blob was stored durably.

    The newest two checkpoints are kept. Checkpoints of every `keep_every` iterations
    are kept for forks, until maintenance thins them out.

    Returns:
        Keys of the checkpoints that are no longer needed.

    Raises:
        FencedOut: A newer claim owns the job.
    """
    with db.write() as session:
        job = lock_claimed_job(session, claim)
        session.merge(
            Checkpoint(
                job_id=claim.job_id,
                fence=claim.fence,
                iteration=iteration,
                **asdict(blob),
                format_version=format_version,
                kept=is_kept_for_forks(job.keep_every, iteration),
                created_at=db.now,
            )
        )
        session.flush()
        # No attempt continues from a checkpoint before the newest.
        newest = max(iteration, job.checkpoint_iteration)
        session.execute(
            update(Job).where(*held_by(claim)).values(checkpoint_iteration=newest)
        )
        old = _select_old_checkpoints(session, claim.job_id, RETAINED_CHECKPOINTS)
        unreferenced = drop_checkpoints(session, old)
    CHECKPOINTS.inc()
    return unreferenced


def is_kept_for_forks(keep_every: int | None, iteration: int) -> bool:
    """Return whether the checkpoint of an iteration is kept for forks."""
    return keep_every is not None and iteration % keep_every == 0


def keep_last_checkpoint(db: Database, job_id: str) -> list[str]:
    """Drop all but the newest checkpoint of a job that has succeeded.

    Returns:
        Keys of the blobs that no row names any more.
    """
    with db.write() as session:
        return drop_checkpoints(session, _select_old_checkpoints(session, job_id, 1))


def discard_newer_checkpoints(db: Database, claim: Claim, iteration: int) -> list[str]:
    """Drop unusable checkpoints after `iteration`, from which the attempt continues.

    Otherwise new checkpoints at earlier iterations would count as old.

    Returns:
        Keys of the blobs that no row names any more.

    Raises:
        FencedOut: A newer claim owns the job.
    """
    with db.write() as session:
        lock_claimed_job(session, claim)
        newer = session.scalars(
            select(Checkpoint).where(
                Checkpoint.job_id == claim.job_id, Checkpoint.iteration > iteration
            )
        ).all()
        session.execute(
            update(Job)
            .where(*held_by(claim))
            .values(checkpoint_iteration=iteration, iteration_at_claim=iteration)
        )
        return drop_checkpoints(session, newer)


def add_warning(db: Database, claim: Claim, code: str, message: str) -> None:
    """Add a warning to a job, or replace a warning with the same code.

    Raises:
        FencedOut: A newer claim owns the job.
    """
    with db.write() as session:
        job = lock_claimed_job(session, claim)
        others = [warning for warning in job.warnings if warning["code"] != code]
        warnings = [*others, {"code": code, "message": message}]
        session.execute(update(Job).where(*held_by(claim)).values(warnings=warnings))


def add_frame(db: Database, claim: Claim, frame: NewFrame) -> list[str]:
    """Add a frame to a job, and drop a frame above `MAX_FRAMES`.

    Returns:
        Keys of the blobs that are no longer needed.

    Raises:
        FencedOut: A newer claim owns the job.
    """
    with db.write() as session:
        lock_claimed_job(session, claim)
        bump_versions(session, Job.id == claim.job_id)
        replaced = session.get(Frame, (claim.job_id, frame.iteration))
        dropped = [] if replaced is None else [replaced.key, replaced.thumb_key]
        session.merge(Frame(job_id=claim.job_id, created_at=db.now, **asdict(frame)))
        session.flush()
        return [*dropped, *_delete_surplus_frames(session, claim.job_id)]


def _select_old_checkpoints(
    session: Session, job_id: str, keep: int
) -> list[Checkpoint]:
    """Select the checkpoints not kept for forks, except for the newest `keep`."""
    rows = session.scalars(
        select(Checkpoint)
        .where(Checkpoint.job_id == job_id)
        .order_by(Checkpoint.iteration.desc(), Checkpoint.fence.desc())
    ).all()
    return [row for row in rows[keep:] if not row.kept]


def _delete_surplus_frames(session: Session, job_id: str) -> list[str]:
    rows = session.execute(
        select(Frame.iteration, Frame.key, Frame.thumb_key)
        .where(Frame.job_id == job_id)
        .order_by(Frame.iteration)
    ).all()
    remaining, dropped = list(rows), []
    while len(remaining) > MAX_FRAMES:
        index = least_missed_index([row.iteration for row in remaining])
        dropped.append(remaining.pop(index))
    session.execute(
        delete(Frame).where(
            Frame.job_id == job_id,
            Frame.iteration.in_([iteration for iteration, _, _ in dropped]),
        )
    )
    return [key for _, *keys in dropped for key in keys]


def least_missed_index(iterations: Sequence[int]) -> int:
    """Find the iteration whose removal leaves the smallest new gap.

    If iterations are dropped one by one, no gap becomes larger than about twice the
    smallest gap. Repeated halving would make old iterations sparser and sparser.

    Args:
        iterations: Iterations in ascending order, at least one.

    Returns:
        Index of that iteration. The last, newest iteration is dropped only if it is
        alone, and the first only if there are two.
    """
    gaps = [after - before for before, after in pairwise(iterations)]
    joined = [before + after for before, after in pairwise(gaps)]
    return 1 + joined.index(min(joined)) if joined else 0


def store_loss_history(db: Database, claim: Claim, points: Sequence[LossPoint]) -> None:
    """Store the losses so far, and replace the stored losses.

    Raises:
        FencedOut: A newer claim owns the job.
    """
    with db.write() as session:
        lock_claimed_job(session, claim)
        session.merge(JobLossHistory(job_id=claim.job_id, points=list(points)))


def read_loss_history(db: Database, job_id: str) -> list[LossPoint]:
    """Read the losses of a job; empty if none are stored."""
    with db.read() as session:
        row = session.get(JobLossHistory, job_id)
        return [] if row is None else list(row.points)
