"""Lineage of a job: its ancestors and their descendants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from shared.db.models.jobs import Job

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from shared.db.database import Database

MAX_RELATIVES = 1_000  # jobs of a lineage that are returned


def read_lineage(db: Database, owner_id: str, job_id: str) -> tuple[list[Job], bool]:
    """Read the lineage of a job, ancestors first; deleted jobs are included.

    Returns:
        The jobs, and whether there are more of them.
    """
    with db.read() as session:
        root = _find_root(session, owner_id, job_id)
        relatives, parents = [root], [root.id]
        while parents and len(relatives) <= MAX_RELATIVES:
            children = session.scalars(
                select(Job)
                .where(Job.parent_id.in_(parents), Job.owner_id == owner_id)
                .order_by(Job.created_at, Job.id)
                .limit(MAX_RELATIVES + 1 - len(relatives))
            ).all()
            relatives += children
            parents = [child.id for child in children]
    return relatives[:MAX_RELATIVES], len(relatives) > MAX_RELATIVES


def _find_root(session: Session, owner_id: str, job_id: str) -> Job:
    jobs = select(Job).where(Job.owner_id == owner_id)
    root = session.scalars(jobs.where(Job.id == job_id)).one()
    for _ in range(MAX_RELATIVES):
        if root.parent_id is None:
            break
        parent = session.scalar(jobs.where(Job.id == root.parent_id))
        if parent is None:
            break
        root = parent
    return root
