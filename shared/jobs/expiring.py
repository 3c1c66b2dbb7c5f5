"""What the reconciler does when time has run out, or when nothing could ever run a job.

Each takes at most 50 jobs at a time, and is done again in the next round.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, not_, or_, select

from shared.jobs.moves import move
from shared.models import Job, Worker
from shared.states import EVENTS, Event, JobState

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from shared.db import Database

BATCH = 50
DAY_SECONDS = 86_400.0


def expire(db: Database, paused_days: float) -> list[str]:
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
    return [*_all(db, Event.EXPIRE, late), *_all(db, Event.EXPIRE, forgotten)]


def cancel_overdue(db: Database) -> list[str]:
    """Cancel jobs that are not done by the time they were to be canceled."""
    active = Job.state.in_(list(EVENTS[Event.OVERDUE]))
    return _all(db, Event.OVERDUE, and_(active, Job.cancel_after < db.now))


def fail_unfit(db: Database, patience_seconds: float) -> list[str]:
    """Fail jobs that have waited so long and that no known device could ever hold.

    Known are the workers on the roll, which forgets them after a day; while there is
    none, nothing is failed.
    """
    with db.read() as session:
        classes = select(Worker.device_class, func.max(Worker.device_bytes))
        known = session.execute(classes.group_by(Worker.device_class)).all()
    if not known:
        return []
    largest = max(size for _, size in known)
    some = [and_(Job.device_class == name, Job.need_bytes <= n) for name, n in known]
    fits = or_(and_(Job.device_class.is_(None), Job.need_bytes <= largest), *some)
    waits = and_(
        Job.state == JobState.QUEUED,
        Job.ready_key.is_not(None),
        Job.run_after < db.now - patience_seconds,
        not_(fits),
    )
    return _all(
        db,
        Event.UNFIT,
        waits,
        error_code="does_not_fit",
        error_message=f"no known device can hold it; the largest has {largest:,} bytes",
        error_hint="ask for a smaller max_edge, or start a worker on a larger device",
        error_retryable=False,
    )


def _all(
    db: Database, event: Event, which: ColumnElement[bool], **columns: Any
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
            move(db, session, job, event, EVENTS[event][job.state], **columns)
    return [job.id for job in found]
