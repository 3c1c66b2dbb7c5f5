"""Retention: deletion of expired rows, and then of their blobs.

Each call processes a few jobs in one transaction, and returns the keys of blobs that no
row names any more. If the process is killed before it deletes these blobs,
`shared.maintenance.orphans` deletes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, func, or_, select, update

from shared.db.base import unreferenced_keys
from shared.db.models.assets import Asset
from shared.db.models.jobs import (
    Checkpoint,
    Frame,
    Job,
    JobInput,
    JobOutput,
    bump_versions,
)
from shared.jobs.checkpoints import (
    RETAINED_CHECKPOINTS,
    drop_checkpoints,
    least_missed_index,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from shared.db.database import Database

BATCH_SIZE = 50
DAY_SECONDS = 86_400.0


def drop_expired_checkpoints(db: Database, days: float) -> list[str]:
    """Drop the checkpoints of jobs that ended more than `days` ago."""
    with db.write() as session:
        rows = session.scalars(
            select(Checkpoint)
            .join(Job, Job.id == Checkpoint.job_id)
            .where(Job.finished_at < db.now - days * DAY_SECONDS)
            .limit(BATCH_SIZE)
        ).all()
        return drop_checkpoints(session, rows)


def drop_expired_results(db: Database, days: float) -> list[str]:
    """Drop the results and frames of jobs that ended more than `days` ago."""
    has_frames = exists().where(Frame.job_id == Job.id)
    with db.write() as session:
        is_stored = or_(Job.result_key.is_not(None), has_frames)
        ids, keys = _find_ended_jobs(db, session, days, is_stored)
        for table in (Frame, JobOutput):
            session.execute(delete(table).where(table.job_id.in_(ids)))
        session.execute(
            update(Job)
            .where(Job.id.in_(ids))
            .values(result_key=None, revision=Job.revision + 1)
        )
        return unreferenced_keys(session, keys)


def drop_tombstones(db: Database, days: float) -> list[str]:
    """Drop the rows of jobs that ended more than `days` ago, with all related rows."""
    with db.write() as session:
        ids, keys = _find_ended_jobs(db, session, days)
        checkpoints = select(Checkpoint).where(Checkpoint.job_id.in_(ids))
        keys |= set(drop_checkpoints(session, session.scalars(checkpoints).all()))
        session.execute(
            update(Job).where(Job.parent_id.in_(ids)).values(parent_id=None)
        )
        session.execute(
            delete(Job).where(Job.id.in_(ids))
        )  # cascades to the other tables
        return unreferenced_keys(session, keys)


def _find_ended_jobs(
    db: Database, session: Session, days: float, *conditions: ColumnElement[bool]
) -> tuple[list[str], set[str]]:
    """Find jobs that ended more than `days` ago, and the keys of their pictures."""
    rows = session.execute(
        select(Job.id, Job.result_key)
        .where(Job.finished_at < db.now - days * DAY_SECONDS, *conditions)
        .order_by(Job.finished_at)
        .limit(BATCH_SIZE)
    ).all()
    ids = [job_id for job_id, _ in rows]
    keys = {key for _, key in rows if key is not None}
    return ids, keys | frame_and_output_keys(session, ids)


def drop_expired_assets(db: Database) -> list[str]:
    """Drop the blobs of expired assets that no job uses; deleted jobs use none.

    The rows of the assets are kept, as after a deletion by their owner.
    """
    due = (Asset.expires_at < db.now, Asset.key.is_not(None), ~_is_in_use())
    with db.write() as session:
        ids = session.scalars(select(Asset.id).where(*due).limit(BATCH_SIZE)).all()
        if not ids:
            return []
        # An upload or a submission locks an asset before its use. So assets are locked
        # here, too, and the condition is checked again.
        candidates = select(Asset).where(Asset.id.in_(ids)).order_by(Asset.id)
        session.scalars(candidates.with_for_update()).all()
        keys = []
        for asset in session.scalars(candidates.where(*due)):
            keys.append(str(asset.key))
            asset.key = None
        session.flush()
        return unreferenced_keys(session, keys)


def _is_in_use() -> ColumnElement[bool]:
    return exists().where(
        JobInput.asset_id == Asset.id,
        Job.id == JobInput.job_id,
        Job.deleted_at.is_(None),
    )


def thin_kept_checkpoints(db: Database, budget_bytes: int) -> list[str]:
    """Thin out the checkpoints kept for forks evenly, until they fit a budget.

    Args:
        db: The database.
        budget_bytes: Maximum size of all kept checkpoints of one job.
    """
    total = func.sum(Checkpoint.bytes)
    with db.read() as session:
        job_ids = session.scalars(
            select(Checkpoint.job_id)
            .where(Checkpoint.kept.is_(True))
            .group_by(Checkpoint.job_id)
            .having(total > budget_bytes)
            .limit(BATCH_SIZE)
        ).all()
    return [
        key
        for job_id in job_ids
        for key in _thin_job_checkpoints(db, job_id, budget_bytes)
    ]


def _thin_job_checkpoints(db: Database, job_id: str, budget_bytes: int) -> list[str]:
    with db.write() as session:
        bump_versions(session, Job.id == job_id)
        rows = session.scalars(
            select(Checkpoint)
            .where(Checkpoint.job_id == job_id)
            .order_by(Checkpoint.iteration, Checkpoint.fence)
        ).all()
        newest = rows[-RETAINED_CHECKPOINTS:]
        surplus = _select_surplus([row for row in rows if row.kept], budget_bytes)
        for row in surplus:
            row.kept = False  # the newest checkpoints are dropped later, by age
        session.flush()
        return drop_checkpoints(session, [row for row in surplus if row not in newest])


def _select_surplus(rows: Sequence[Checkpoint], budget_bytes: int) -> list[Checkpoint]:
    remaining, surplus = list(rows), []
    while remaining and sum(row.bytes for row in remaining) > budget_bytes:
        index = least_missed_index([row.iteration for row in remaining])
        surplus.append(remaining.pop(index))
    return surplus


def frame_and_output_keys(session: Session, ids: Sequence[str]) -> set[str]:
    """Read the keys of the frames and output files of these jobs."""
    frames = session.execute(
        select(Frame.key, Frame.thumb_key).where(Frame.job_id.in_(ids))
    )
    outputs = session.execute(select(JobOutput.key).where(JobOutput.job_id.in_(ids)))
    return {key for keys in (*frames, *outputs) for key in keys}
