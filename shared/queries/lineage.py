"""The family of a job: what it goes on from, and what goes on from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from shared.db.models.jobs import Job

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from shared.db.database import Database

MOST = 1_000  # jobs of a family that are told


def read_lineage(db: Database, owner_id: str, job_id: str) -> tuple[list[Job], bool]:
    """Read a job's family, the eldest first; deleted ones are among them.

    Returns:
        The jobs, and whether there are more of them.
    """
    with db.read() as session:
        eldest = _eldest(session, owner_id, job_id)
        found, parents = [eldest], [eldest.id]
        while parents and len(found) <= MOST:
            children = session.scalars(
                select(Job)
                .where(Job.parent_id.in_(parents), Job.owner_id == owner_id)
                .order_by(Job.created_at, Job.id)
                .limit(MOST + 1 - len(found))
            ).all()
            found += children
            parents = [child.id for child in children]
    return found[:MOST], len(found) > MOST


def _eldest(session: Session, owner_id: str, job_id: str) -> Job:
    mine = select(Job).where(Job.owner_id == owner_id)
    eldest = session.scalars(mine.where(Job.id == job_id)).one()
    for _ in range(MOST):
        if eldest.parent_id is None:
            break
        parent = session.scalar(mine.where(Job.id == eldest.parent_id))
        if parent is None:
            break
        eldest = parent
    return eldest
