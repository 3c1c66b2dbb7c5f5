"""Taking checkpoints off the table, and which blobs nobody needs then.

A child goes on from its parent's blob, so that two rows may name the same one: it is
free only when the last of them goes.

What the holder of a claim keeps along the way: checkpoints and previews.

Which of many moments to let go of, so that those left stay evenly spread.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from shared.db.blob_refs import unnamed
from shared.db.models.jobs import Checkpoint, Frame, Job
from shared.jobs.lease import held_by, lock_held

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from shared.db.database import Database
    from shared.jobs.claim import Claim
    from shared.jobs.lease import Written

CHECKPOINTS_KEPT = 2  # of a running job; a damaged one falls back to the one before


def drop_checkpoints(session: Session, rows: Sequence[Checkpoint]) -> list[str]:
    """Delete these rows.

    All rows that name the same blobs are locked first, always in the same order: of
    two jobs that drop the same blob at once, the later one sees that it is the last.

    Returns:
        Keys of the blobs that no row names any more.
    """
    keys, going = {row.key for row in rows}, {_id(row) for row in rows}
    naming = session.scalars(
        select(Checkpoint)
        .where(Checkpoint.key.in_(keys))
        .order_by(Checkpoint.key, Checkpoint.job_id, Checkpoint.fence)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for row in naming:
        if _id(row) in going:
            session.delete(row)
    session.flush()
    return unnamed(session, sorted(keys))


def _id(row: Checkpoint) -> tuple[str, int, int]:
    return row.job_id, row.fence, row.iteration


FRAMES_KEPT = 200


@dataclass(frozen=True, slots=True)
class NewFrame:
    """A stored preview of one iteration."""

    iteration: int
    scale: int
    width: int
    height: int
    losses: dict[str, float]
    key: str
    thumb_key: str


def record_checkpoint(
    db: Database,
    claim: Claim,
    iteration: int,
    blob: Written,
    format_version: int,
) -> list[str]:
    """Let later attempts go on from `blob`, which must be durable by now.

    The newest two stay. So do those of every `keep_every` iterations, for forks, until
    the reconciler thins them out.

    Returns:
        Keys of the checkpoints that are no longer needed.

    Raises:
        FencedOut: A newer claim owns the job.
    """
    with db.write() as session:
        job = lock_held(session, claim)
        session.merge(
            Checkpoint(
                job_id=claim.job_id,
                fence=claim.fence,
                iteration=iteration,
                key=blob.key,
                digest=blob.digest,
                bytes=blob.bytes,
                format_version=format_version,
                kept=is_kept(job.keep_every, iteration),
                created_at=db.now,
            )
        )
        session.flush()
        newest = max(iteration, job.checkpoint_iteration)  # an older one is none to begin from
        session.execute(update(Job).where(*held_by(claim)).values(checkpoint_iteration=newest))
        going = _old_checkpoints(session, claim.job_id, CHECKPOINTS_KEPT)
        return drop_checkpoints(session, going)


def is_kept(keep_every: int | None, iteration: int) -> bool:
    """Whether a checkpoint of this iteration is one of those kept for forks."""
    return keep_every is not None and iteration % keep_every == 0


def keep_last_checkpoint(db: Database, job_id: str) -> list[str]:
    """Drop all but the newest checkpoint of a job that has ended well.

    Returns:
        Keys of the others, which are off the table now.
    """
    with db.write() as session:
        return drop_checkpoints(session, _old_checkpoints(session, job_id, 1))


def discard_newer_checkpoints(db: Database, claim: Claim, iteration: int) -> list[str]:
    """Note that newer checkpoints were of no use, and where the attempt really begins.

    Without this, every checkpoint it makes below the lost ones would count as old.

    Returns:
        Keys of the useless checkpoints, which are off the table now.

    Raises:
        FencedOut: A newer claim owns the job.
    """
    with db.write() as session:
        lock_held(session, claim)
        useless = session.scalars(
            select(Checkpoint).where(
                Checkpoint.job_id == claim.job_id, Checkpoint.iteration > iteration
            )
        ).all()
        session.execute(
            update(Job)
            .where(*held_by(claim))
            .values(checkpoint_iteration=iteration, iteration_at_claim=iteration)
        )
        return drop_checkpoints(session, useless)


def add_warning(db: Database, claim: Claim, code: str, message: str) -> None:
    """Tell the person who submitted the job of something that did not stop it.

    Raises:
        FencedOut: A newer claim owns the job.
    """
    with db.write() as session:
        job = lock_held(session, claim)
        others = [warning for warning in job.warnings if warning["code"] != code]
        warnings = [*others, {"code": code, "message": message}]
        session.execute(update(Job).where(*held_by(claim)).values(warnings=warnings))


def add_frame(db: Database, claim: Claim, frame: NewFrame) -> list[str]:
    """Keep a preview; when there are too many, the one that is missed least goes.

    Returns:
        Keys of the blobs that are no longer needed.

    Raises:
        FencedOut: A newer claim owns the job.
    """
    with db.write() as session:
        lock_held(session, claim)
        before = session.get(Frame, (claim.job_id, frame.iteration))
        dropped = [] if before is None else [before.key, before.thumb_key]
        session.merge(
            Frame(
                job_id=claim.job_id,
                iteration=frame.iteration,
                scale=frame.scale,
                width=frame.width,
                height=frame.height,
                losses=frame.losses,
                key=frame.key,
                thumb_key=frame.thumb_key,
                created_at=db.now,
            )
        )
        session.flush()
        return [*dropped, *_thin_frames(session, claim.job_id)]


def _old_checkpoints(session: Session, job_id: str, kept: int) -> list[Checkpoint]:
    """Those that are kept for nothing, but for the newest `kept` of all."""
    rows = session.scalars(
        select(Checkpoint)
        .where(Checkpoint.job_id == job_id)
        .order_by(Checkpoint.iteration.desc(), Checkpoint.fence.desc())
    ).all()
    return [row for row in rows[kept:] if not row.kept]


def _thin_frames(session: Session, job_id: str) -> list[str]:
    rows = session.execute(
        select(Frame.iteration, Frame.key, Frame.thumb_key)
        .where(Frame.job_id == job_id)
        .order_by(Frame.iteration)
    ).all()
    left, going = list(rows), []
    while len(left) > FRAMES_KEPT:
        going.append(left.pop(least_missed([row.iteration for row in left])))
    session.execute(
        delete(Frame).where(
            Frame.job_id == job_id,
            Frame.iteration.in_([iteration for iteration, _, _ in going]),
        )
    )
    return [key for _, *keys in going for key in keys]


def least_missed(iterations: Sequence[int]) -> int:
    """Find the one without which the largest new gap is smallest.

    Dropped one by one as more arrive, no gap grows beyond about twice the smallest;
    halving all of them now and then would leave the old ones ever sparser.

    Args:
        iterations: In order, at least one.

    Returns:
        Its index; never the last, which is the newest, while there are others, and the
        first only where there are two.
    """
    gaps = [after - before for before, after in pairwise(iterations)]
    joined = [before + after for before, after in pairwise(gaps)]
    return 1 + joined.index(min(joined)) if joined else 0
