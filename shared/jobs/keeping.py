"""What the holder of a claim keeps along the way: checkpoints and previews."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from shared.jobs.dropping import CHECKPOINTS_KEPT, drop_checkpoints
from shared.jobs.holding import held_by, lock_held
from shared.jobs.thinning import least_missed
from shared.models import Checkpoint, Frame, Job

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from shared.db import Database
    from shared.jobs.claiming import Claim
    from shared.jobs.reports import Written

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


def checkpointed(
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
        newest = max(iteration, job.ckpt_iter)  # an older one is none to begin from
        session.execute(update(Job).where(*held_by(claim)).values(ckpt_iter=newest))
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


def fell_back(db: Database, claim: Claim, iteration: int) -> list[str]:
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
            .values(ckpt_iter=iteration, claim_iter=iteration)
        )
        return drop_checkpoints(session, useless)


def warn(db: Database, claim: Claim, code: str, message: str) -> None:
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
