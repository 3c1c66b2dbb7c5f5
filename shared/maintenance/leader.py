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

_OVERLAP_SECONDS = 1.0  # by which the times of simultaneous transactions may differ


def acquire_leadership(db: Database, task: str, holder: str, seconds: float) -> bool:
    """Become or stay the leader of `task` for `seconds`; False if there is another.

    A leadership that would last longer than a new one was taken before the database's
    clock was set back, and is over. Two leaders do no harm, so this needs no slack.
    """
    furthest = db.now + (seconds + _OVERLAP_SECONDS)
    is_over = or_(Lock.until <= db.now, Lock.until > furthest)
    with db.write() as session:
        row = session.execute(
            update(Lock)
            .where(Lock.name == task)
            .where(or_(Lock.holder == holder, is_over))
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
