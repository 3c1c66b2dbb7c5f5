"""New versions of jobs whose view changes by rows beside their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from shared.db.models.jobs import Job

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session


def bump_versions(session: Session, *conditions: ColumnElement[bool]) -> None:
    """Give jobs a new version; an update of the job row itself does so anyway.

    The rows are locked in the order of their ids, so that two calls never deadlock.
    """
    locked = select(Job.id).where(*conditions).order_by(Job.id).with_for_update()
    job_ids = session.scalars(locked).all()
    if not job_ids:
        return
    session.execute(
        update(Job)
        .where(Job.id.in_(job_ids))
        .values(version=Job.version + 1)
        .execution_options(synchronize_session=False)
    )
