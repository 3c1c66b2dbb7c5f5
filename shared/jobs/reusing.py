"""Jobs that have done, or do, the same work for the same owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sqlalchemy import and_, case, or_, select

from shared.models import Job
from shared.states import TERMINAL, Completion, JobState

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from shared.db import Database

Reuse = Literal["never", "finished", "finished_or_active"]

# They may never come to a picture.
_HALTING = (JobState.CANCELING, JobState.PAUSING, JobState.PAUSED)


def equal_job(
    session: Session, owner_id: str, params_digest: str | None, reuse: Reuse
) -> str | None:
    """Find the newest job whose result is the one that is wanted, or else will be.

    Not one that was finished early or steered in mid-run: it is another picture.

    Args:
        session: Of the caller.
        owner_id: Whose.
        params_digest: Of the work; None: nobody can say what is equal to it.
        reuse: Whether one that is not over yet will do.
    """
    if params_digest is None:
        return None
    done = and_(
        Job.state == JobState.SUCCEEDED,
        Job.completion == Completion.FULL,
        Job.result_key.is_not(None),
        Job.asked_max_edge.is_(None),  # it was made smaller than it was asked for
    )
    active = and_(
        Job.state.not_in({*TERMINAL, *_HALTING}),
        Job.finish_requested.is_(False),
    )
    return session.scalar(
        select(Job.id)
        .where(
            Job.owner_id == owner_id,
            Job.params_digest == params_digest,
            Job.deleted_at.is_(None),
            done if reuse == "finished" else or_(done, active),
        )
        .order_by(case((done, 0), else_=1), Job.created_at.desc())
        .limit(1)
    )


def find_equal(db: Database, owner_id: str, params_digest: str) -> str | None:
    """Find the job that a submission with `reuse: finished_or_active` would take."""
    with db.read() as session:
        return equal_job(session, owner_id, params_digest, "finished_or_active")
