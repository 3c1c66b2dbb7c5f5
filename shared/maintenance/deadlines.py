"""What the reconciler does when time has run out.

Each takes at most 50 jobs at a time, and is done again in the next round.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, select

from shared.db.models.jobs import Job
from shared.jobs.transitions import transition
from shared.states import EVENTS, Event, JobState, StateReason

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from shared.db.database import Database

BATCH = 50
DAY_SECONDS = 86_400.0


def expire_jobs(db: Database, paused_days: float) -> list[str]:
    """End jobs that were not started by their deadline, or are paused for too long."""
    late = and_(
        Job.state == JobState.QUEUED,
        Job.start_deadline < db.now,
        Job.started_at.is_(None),
    )
    forgotten = and_(
        Job.state == JobState.PAUSED,
        Job.paused_at < db.now - paused_days * DAY_SECONDS,
    )
    return [
        *_all(db, Event.EXPIRE, late, StateReason.OVERDUE),
        *_all(db, Event.EXPIRE, forgotten, StateReason.PAUSED_TOO_LONG),
    ]


def cancel_overdue_jobs(db: Database) -> list[str]:
    """Cancel jobs that are not done by the time they were to be canceled."""
    active = Job.state.in_(list(EVENTS[Event.OVERDUE]))
    overdue = and_(active, Job.cancel_after < db.now)
    return _all(db, Event.OVERDUE, overdue, StateReason.OVERDUE)


def _all(
    db: Database, event: Event, which: ColumnElement[bool], why: StateReason
) -> list[str]:
    with db.read() as session:
        ids = session.scalars(select(Job.id).where(which).limit(BATCH)).all()
    if not ids:
        return []  # as nearly always: nobody waits for a lock
    with db.write() as session:
        found = session.scalars(
            select(Job).where(Job.id.in_(ids), which).with_for_update(skip_locked=True)
        ).all()
        for job in found:
            transition(
                db, session, job, event, EVENTS[event][job.state], state_reason=why
            )
    return [job.id for job in found]
