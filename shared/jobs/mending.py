"""What the holder of a claim changes so that the next try has better prospects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import update

from shared.estimates import need_bytes
from shared.jobs.holding import held_by, let_go, lock_held
from shared.jobs.reports import told
from shared.jobs.segments import segments_of
from shared.models import Job
from shared.states import EVENTS, Event, JobState, StateReason
from shared.steering import steered

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from shared.db import Database
    from shared.jobs.claiming import Claim
    from shared.jobs.reports import Failure
    from shared.params import StyleParams


def go_carefully(
    db: Database, claim: Claim, failure: Failure, caution: float
) -> JobState:
    """Give a diverged job back, once, to go on at once with smaller steps.

    The attempt is refunded: that there is a `caution` is what ends the second one.

    Raises:
        FencedOut: A newer claim owns the job.
    """
    with db.write() as session:
        was = lock_held(session, claim)
        state = EVENTS[Event.RETRY][was.state]
        columns: dict[str, Any] = {}
        if state != JobState.CANCELED:
            columns = {**told(failure), "caution": caution}
        if state == JobState.QUEUED:
            columns |= {
                "attempts": Job.attempts - 1,
                "state_reason": StateReason.RECOVERING,
            }
        return let_go(db, session, was, Event.RETRY, **columns)


def make_smaller(db: Database, claim: Claim, params: StyleParams) -> None:
    """Let a job that did not fit go on with smaller `params`, and say so.

    Raises:
        FencedOut: A newer claim owns the job.
    """
    with db.write() as session:
        job = lock_held(session, claim)
        session.execute(
            update(Job)
            .where(*held_by(claim))
            .values(**smaller_columns(session, job, params))
        )


def smaller_columns(session: Session, job: Job, params: StyleParams) -> dict[str, Any]:
    """Columns of a job that is made smaller than it was asked for."""
    segments = segments_of(session, [job.id]).get(job.id, ())
    asked = job.asked_max_edge or job.params["max_edge"]
    warning = {
        "code": "made_smaller",
        "message": f"made at {params.max_edge} px, as {asked} px did not fit the "
        "memory of the device",
    }
    others = [one for one in job.warnings if one["code"] != warning["code"]]
    return {
        "params": params.model_dump(mode="json"),
        "iterations": steered(params, segments).iterations,
        "need_bytes": need_bytes(params),
        "asked_max_edge": asked,
        "warnings": [*others, warning],
        "revision": Job.revision + 1,
    }
