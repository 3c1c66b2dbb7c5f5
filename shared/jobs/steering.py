"""Steering: changes of a job's parameters and attributes after its submission.

A change of a job without a worker is stored with the iteration at which it begins. A
change of a running job is pending until its worker stores that iteration, at the next
boundary. The worker stores it before the change takes effect, so that a replay after a
crash begins the change at the same iteration.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from sqlalchemy import func, select, update

from shared.db.models.jobs import Job, JobSegment
from shared.errors import FieldError, InvalidParams, InvalidState, VersionMismatch
from shared.jobs.actions import resolve_action
from shared.jobs.lease import held_by, lock_claimed_job
from shared.jobs.search_index import index_job
from shared.jobs.segments import read_job_segments, read_pending_changes
from shared.jobs.transitions import lock_job, log_event, ready_key, transition
from shared.params.memory import need_bytes
from shared.params.segments import Changes, Segment, apply_segments
from shared.params.style import StyleParams
from shared.states import LEASED, Action, ActionEffect, ActionOutcome

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from shared.db.database import Database
    from shared.jobs.claim import Claim

SEGMENT_EVENT = "steered"  # in the event log
_INDEXED_ATTRIBUTES = {"name", "tags"}  # in the search index
_LABELS = {*_INDEXED_ATTRIBUTES, "user_metadata"}  # pictures do not depend on them


@dataclass(frozen=True, slots=True)
class JobChange:
    """Change of a job; after its end, only name, tags and metadata can change.

    Attributes:
        params: Changes of parameters of the optimization.
        attributes: Columns that no worker reads: name, tags, user_metadata, priority,
            cancel_after.
        revision: Revision that the job must have, or None for any.
    """

    params: Changes = field(default_factory=Changes)
    attributes: dict[str, Any] = field(default_factory=dict)
    revision: int | None = None

    @property
    def is_of_labels(self) -> bool:
        """Return whether the change has only name, tags and metadata."""
        return not self.params.to_json() and self.attributes.keys() <= _LABELS


def update_job(
    db: Database, owner_id: str, job_id: str, change: JobChange
) -> ActionOutcome:
    """Change a job; after its end, only its labels can change.

    Returns:
        State of the job, and whether the whole change is in effect. Otherwise it takes
        effect after the next iteration.

    Raises:
        JobNotFound: The owner has no such job.
        InvalidState: The job is ending or has ended, and not only labels change; or the
            job is being deleted.
        VersionMismatch: The job has another revision.
        InvalidParams: The changed parameters contradict each other.
    """
    with db.write() as session:
        job = lock_job(session, job_id, owner_id)
        outcome = _resolve_change(session, job, change)
        if change.revision not in {None, job.revision}:
            raise VersionMismatch(
                f"job {job_id} is at revision {job.revision}, not {change.revision}"
            )
        params = change.params.to_json()
        attributes = _changed_attributes(job, change.attributes)
        if not params and not attributes:
            return ActionOutcome(job.state, done=True, effect=outcome.effect)
        columns = _attribute_columns(job, attributes)
        if params:
            columns["iterations"] = _count_planned_iterations(
                session, job, change.params
            )
            columns["params_digest"] = None  # no other job has an equal result now
            _add_segment(session, job, params)
        detail = {**params, **attributes}
        transition(db, session, job, Action.STEER, job.state, detail=detail, **columns)
        if _INDEXED_ATTRIBUTES & attributes.keys():
            session.refresh(job)
            index_job(session, job)
    return ActionOutcome(
        job.state, done=outcome.done or not params, effect=outcome.effect
    )


def _resolve_change(session: Session, job: Job, change: JobChange) -> ActionOutcome:
    if change.is_of_labels and job.purge_requested_at is None:
        return ActionOutcome(job.state, done=True, effect=ActionEffect.REQUEST)
    try:
        return resolve_action(session, job, Action.STEER)
    except InvalidState as error:
        error.hint = "name, tags and metadata can change in any state, if sent alone"
        raise


def begin_segments(db: Database, claim: Claim, iteration: int) -> tuple[Segment, ...]:
    """Begin the pending changes after `iteration`, before they take effect.

    The call may be repeated after the response of the database was lost.

    Returns:
        All segments that have begun, in order, for the rest of the run. After a resume,
        changes that began at a later iteration are replayed first.

    Raises:
        FencedOut: A newer claim owns the job.
    """
    with db.write() as session:
        job = lock_claimed_job(session, claim)
        start = max(iteration, _last_live_start(session, job.id))
        if _begin_pending_segments(session, job.id, start):
            log_event(db, session, job, SEGMENT_EVENT, {"from_iteration": start})
            session.execute(
                update(Job).where(*held_by(claim)).values(iteration=iteration)
            )
        return read_job_segments(session, [job.id]).get(job.id, ())


def _add_segment(session: Session, job: Job, params: dict[str, Any]) -> None:
    session.add(JobSegment(job_id=job.id, changes=params, live=True))
    session.flush()
    if job.state not in LEASED:
        start = max(job.checkpoint_iteration, _last_live_start(session, job.id))
        _begin_pending_segments(session, job.id, start)


def _begin_pending_segments(session: Session, job_id: str, iteration: int) -> bool:
    row = JobSegment
    begun = session.execute(
        update(row)
        .where(row.job_id == job_id, row.from_iteration.is_(None))
        .values(from_iteration=iteration)
        .returning(row.id)
        .execution_options(synchronize_session=False)
    ).all()
    return bool(begun)


def _last_live_start(session: Session, job_id: str) -> int:
    """Read the start of the latest change during the run; later changes follow it."""
    row = JobSegment
    latest = select(func.max(row.from_iteration)).where(
        row.job_id == job_id, row.live.is_(True)
    )
    return session.scalar(latest) or 0


def _count_planned_iterations(session: Session, job: Job, changes: Changes) -> int:
    """Count the iterations of a job with all pending changes and this one."""
    begun = read_job_segments(session, [job.id]).get(job.id, ())
    last_start = max((segment.from_iteration for segment in begun), default=0)
    requested = read_pending_changes(session, [job.id]).get(job.id, ())
    pending = [
        Segment(from_iteration=last_start, changes=pending_changes)
        for pending_changes in (*requested, changes)
    ]
    return count_iterations(StyleParams.model_validate(job.params), (*begun, *pending))


def count_iterations(params: StyleParams, segments: tuple[Segment, ...]) -> int:
    """Count the iterations of a run with these segments.

    Raises:
        InvalidParams: The segments contradict each other or the parameters.
    """
    try:
        return apply_segments(params, segments).iterations
    except ValidationError as error:
        raise InvalidParams(
            [
                FieldError(
                    "".join(f"/{step}" for step in details["loc"]).replace(
                        "/schedule", "/iterations"
                    ),
                    details["type"].replace("_", "-"),
                    details["msg"].removeprefix("Value error, "),
                )
                for details in error.errors(include_url=False)
            ]
        ) from error
    except ValueError as error:
        raise InvalidParams([FieldError("/styles", "length", str(error))]) from error


def _changed_attributes(job: Job, attributes: dict[str, Any]) -> dict[str, Any]:
    """Select the attributes that differ, since only these are stored and logged."""
    return {
        name: value for name, value in attributes.items() if getattr(job, name) != value
    }


def _attribute_columns(job: Job, attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the columns to write; a new priority changes the queue place of a job."""
    columns = dict(attributes)
    if "priority" in attributes and job.ready_key is not None:
        columns["ready_key"] = ready_key(job.created_at, attributes["priority"])
    return columns


def retry_with_smaller_params(db: Database, claim: Claim, params: StyleParams) -> None:
    """Store smaller `params` and a warning for a job that did not fit.

    Raises:
        FencedOut: A newer claim owns the job.
    """
    with db.write() as session:
        job = lock_claimed_job(session, claim)
        session.execute(
            update(Job)
            .where(*held_by(claim))
            .values(**smaller_params_columns(session, job, params))
        )


def smaller_params_columns(
    session: Session, job: Job, params: StyleParams
) -> dict[str, Any]:
    """Return the columns of a job that is computed smaller than requested."""
    segments = read_job_segments(session, [job.id]).get(job.id, ())
    requested = job.requested_max_edge or job.params["max_edge"]
    warning = {
        "code": "made-smaller",
        "message": f"made at {params.max_edge} px, as {requested} px did not fit the "
        "memory of the device",
    }
    others = [other for other in job.warnings if other["code"] != warning["code"]]
    return {
        "params": params.model_dump(mode="json"),
        "iterations": apply_segments(params, segments).iterations,
        "need_bytes": need_bytes(params),
        "requested_max_edge": requested,
        "warnings": [*others, warning],
        "revision": Job.revision + 1,
    }
