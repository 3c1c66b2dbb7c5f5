"""What is kept for a while only: rows go first, then the blobs that they named.

Each call takes a few jobs, in a transaction of its own, and returns the keys of blobs
that no row names any more. A process killed in between leaves orphans to the sweep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, func, or_, select, update

from shared.db.blob_refs import unnamed
from shared.db.models.assets import Asset
from shared.db.models.jobs import Checkpoint, Frame, Job, JobInput, JobOutput
from shared.jobs.checkpoints import CHECKPOINTS_KEPT, drop_checkpoints, least_missed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from shared.db.database import Database

BATCH = 50
DAY_SECONDS = 86_400.0


def drop_expired_checkpoints(db: Database, days: float) -> list[str]:
    """Take checkpoints of jobs that ended so long ago off the table."""
    with db.write() as session:
        rows = session.scalars(
            select(Checkpoint)
            .join(Job, Job.id == Checkpoint.job_id)
            .where(Job.finished_at < db.now - days * DAY_SECONDS)
            .limit(BATCH)
        ).all()
        return drop_checkpoints(session, rows)


def drop_expired_results(db: Database, days: float) -> list[str]:
    """Let go of the pictures of jobs that ended so long ago: files and previews."""
    has_frames = exists().where(Frame.job_id == Job.id)
    with db.write() as session:
        rows = session.execute(
            select(Job.id, Job.result_key)
            .where(
                Job.finished_at < db.now - days * DAY_SECONDS,
                or_(Job.result_key.is_not(None), has_frames),
            )
            .order_by(Job.finished_at)
            .limit(BATCH)
        ).all()
        ids = [job_id for job_id, _ in rows]
        keys = {key for _, key in rows if key is not None} | shown(session, ids)
        for table in (Frame, JobOutput):
            session.execute(delete(table).where(table.job_id.in_(ids)))
        session.execute(
            update(Job)
            .where(Job.id.in_(ids))
            .values(result_key=None, revision=Job.revision + 1)
        )
        return unnamed(session, keys)


def drop_tombstones(db: Database, days: float) -> list[str]:
    """Forget jobs that ended so long ago altogether, with all that is left of them."""
    with db.write() as session:
        rows = session.execute(
            select(Job.id, Job.result_key)
            .where(Job.finished_at < db.now - days * DAY_SECONDS)
            .order_by(Job.finished_at)
            .limit(BATCH)
        ).all()
        ids = [job_id for job_id, _ in rows]
        keys = {key for _, key in rows if key is not None} | shown(session, ids)
        stored = select(Checkpoint).where(Checkpoint.job_id.in_(ids))
        keys |= set(drop_checkpoints(session, session.scalars(stored).all()))
        session.execute(
            update(Job).where(Job.parent_id.in_(ids)).values(parent_id=None)
        )
        session.execute(delete(Job).where(Job.id.in_(ids)))  # the rest goes with it
        return unnamed(session, keys)


def drop_expired_assets(db: Database) -> list[str]:
    """Let go of pictures that were to be kept for a while, and that no job uses.

    One that was deleted uses none. Their rows stay, as those of deleted pictures do.
    """
    due = (Asset.expires_at < db.now, Asset.key.is_not(None), ~_is_used())
    with db.write() as session:
        found = session.scalars(select(Asset.id).where(*due).limit(BATCH)).all()
        if not found:
            return []
        # Who sends one again or makes a job of it locks it first: so they are locked
        # too, and then asked once more.
        these = select(Asset).where(Asset.id.in_(found)).order_by(Asset.id)
        session.scalars(these.with_for_update()).all()
        keys = []
        for asset in session.scalars(these.where(*due)):
            keys.append(str(asset.key))
            asset.key = None
        session.flush()
        return unnamed(session, keys)


def _is_used() -> ColumnElement[bool]:
    return exists().where(
        JobInput.asset_id == Asset.id,
        Job.id == JobInput.job_id,
        Job.deleted_at.is_(None),
    )


def thin_kept_checkpoints(db: Database, budget_bytes: int) -> list[str]:
    """Thin the checkpoints that jobs keep for forks until they fit the budget, evenly.

    Args:
        db: The database.
        budget_bytes: For all kept checkpoints of one job.
    """
    total = func.sum(Checkpoint.bytes)
    with db.read() as session:
        over = session.scalars(
            select(Checkpoint.job_id)
            .where(Checkpoint.kept.is_(True))
            .group_by(Checkpoint.job_id)
            .having(total > budget_bytes)
            .limit(BATCH)
        ).all()
    return [key for job_id in over for key in _thin_kept(db, job_id, budget_bytes)]


def _thin_kept(db: Database, job_id: str, budget_bytes: int) -> list[str]:
    with db.write() as session:
        rows = session.scalars(
            select(Checkpoint)
            .where(Checkpoint.job_id == job_id)
            .order_by(Checkpoint.iteration, Checkpoint.fence)
        ).all()
        newest = rows[-CHECKPOINTS_KEPT:]
        going = _thinned([row for row in rows if row.kept], budget_bytes)
        for row in going:
            row.kept = False  # the newest stay until they are old
        session.flush()
        return drop_checkpoints(session, [row for row in going if row not in newest])


def _thinned(rows: Sequence[Checkpoint], budget_bytes: int) -> list[Checkpoint]:
    left, going = list(rows), []
    while left and sum(row.bytes for row in left) > budget_bytes:
        going.append(left.pop(least_missed([row.iteration for row in left])))
    return going


def shown(session: Session, ids: Sequence[str]) -> set[str]:
    """Keys of the previews of these jobs, and of all files that they have made."""
    frames = session.execute(
        select(Frame.key, Frame.thumb_key).where(Frame.job_id.in_(ids))
    )
    outputs = session.execute(select(JobOutput.key).where(JobOutput.job_id.in_(ids)))
    return {key for keys in (*frames, *outputs) for key in keys}
