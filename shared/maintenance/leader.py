"""Leader election by an expiring row: one process at a time does a task.

A frozen leader would keep an advisory lock, but its row expires.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import or_, update
from sqlalchemy.exc import IntegrityError

from shared.db.models.locks import Lock

if TYPE_CHECKING:
    from shared.db.database import Database


def acquire_leadership(db: Database, task: str, holder: str, seconds: float) -> bool:
    """Become or stay the leader of `task` for `seconds`; False if there is another."""
    with db.write() as session:
        row = session.execute(
            update(Lock)
            .where(Lock.name == task)
            .where(or_(Lock.holder == holder, db.is_over(Lock.until, seconds)))
            .values(holder=holder, fence=Lock.fence + 1, until=db.now + seconds)
            .returning(Lock.name)
            .execution_options(synchronize_session=False)
        ).one_or_none()
        if row is not None:
            return True
        if session.get(Lock, task) is not None:
            return False
    try:
        with db.write() as session:
            session.add(Lock(name=task, holder=holder, fence=1, until=db.now + seconds))
    except IntegrityError:
        return False
    return True


def release_leadership(db: Database, task: str, holder: str) -> None:
    """Release the leadership of `task`, so that another process can take it at once."""
    with db.write() as session:
        session.execute(
            update(Lock)
            .where(Lock.name == task, Lock.holder == holder)
            .values(until=db.now)
        )
