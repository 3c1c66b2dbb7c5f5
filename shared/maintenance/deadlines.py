"""Deadlines of jobs: expiry if not started or resumed in time, cancellation if overdue.

Each call processes at most 50 jobs. Maintenance calls again in its next round.
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

BATCH_SIZE = 50
DAY_SECONDS = 86_400.0


def expire_jobs(db: Database, paused_days: float) -> list[str]:
    """Expire jobs not started by their deadline, and jobs paused for too long."""
    not_started = and_(
        Job.state == JobState.QUEUED,
        Job.start_deadline < db.now,
        Job.started_at.is_(None),
    )
    paused_too_long = and_(
        Job.state == JobState.PAUSED,
        Job.paused_at < db.now - paused_days * DAY_SECONDS,
    )
    return [
        *_apply_event(db, Event.EXPIRE, not_started, StateReason.OVERDUE),
        *_apply_event(db, Event.EXPIRE, paused_too_long, StateReason.PAUSED_TOO_LONG),
    ]


def cancel_overdue_jobs(db: Database) -> list[str]:
    """Cancel jobs that are not done by their `cancel_after`."""
    active = Job.state.in_(list(EVENTS[Event.OVERDUE]))
    overdue = and_(active, Job.cancel_after < db.now)
    return _apply_event(db, Event.OVERDUE, overdue, StateReason.OVERDUE)


def _apply_event(
    db: Database, event: Event, condition: ColumnElement[bool], reason: StateReason
) -> list[str]:
    with db.read() as session:
        ids = session.scalars(select(Job.id).where(condition).limit(BATCH_SIZE)).all()
    if not ids:
        return []  # the usual case, without a lock
    with db.write() as session:
        jobs = session.scalars(
            select(Job)
            .where(Job.id.in_(ids), condition)
            .with_for_update(skip_locked=True)
        ).all()
        for job in jobs:
            transition(
                db, session, job, event, EVENTS[event][job.state], state_reason=reason
            )
    return [job.id for job in jobs]
