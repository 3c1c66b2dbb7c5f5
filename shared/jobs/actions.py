"""Actions on a job: cancel, pause, resume, finish; and the list of allowed actions.

Actions that create a new job are in `shared.jobs.forks`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from shared.db.models.assets import Asset
from shared.db.models.jobs import Checkpoint, JobInput
from shared.errors import InvalidState
from shared.jobs.transitions import lock_job, ready_columns, transition
from shared.params.kinds import JobKind
from shared.states import (
    ACTIONS,
    Action,
    ActionEffect,
    ActionOutcome,
    Completion,
    JobState,
    Requirement,
    actions_in_state,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from shared.db.database import Database
    from shared.db.models.jobs import Job

# Actions that need a job that optimizes a picture.
STYLE_ONLY_ACTIONS = frozenset(
    {Action.FINISH, Action.STEER, Action.FORK, Action.EXTEND}
)
_CHILD_ACTIONS = frozenset({Action.FORK, Action.EXTEND, Action.RETRY})


def cancel(db: Database, owner_id: str, job_id: str) -> ActionOutcome:
    """Cancel a job; a repeated call changes nothing.

    Returns:
        New state, and whether a worker still has to stop.

    Raises:
        JobNotFound: The owner has no such job.
        InvalidState: The job has already ended otherwise.
    """
    return _apply_action(db, owner_id, job_id, Action.CANCEL)


def pause(db: Database, owner_id: str, job_id: str) -> ActionOutcome:
    """Pause a job: its device becomes free, and its checkpoint is kept.

    Raises:
        JobNotFound: The owner has no such job.
        InvalidState: The job has ended, or is ending.
    """
    return _apply_action(db, owner_id, job_id, Action.PAUSE)


def resume(db: Database, owner_id: str, job_id: str) -> ActionOutcome:
    """Resume a paused job; it returns to its old place in the queue.

    Raises:
        JobNotFound: The owner has no such job.
        InvalidState: The job has ended, or is ending.
    """
    return _apply_action(db, owner_id, job_id, Action.RESUME)


def finish(db: Database, owner_id: str, job_id: str) -> ActionOutcome:
    """Finish a job early, with the picture as it is now.

    Raises:
        JobNotFound: The owner has no such job.
        InvalidState: The job has ended, or has no picture yet.
    """
    with db.write() as session:
        return request_finish(db, session, lock_job(session, job_id, owner_id))


def request_finish(db: Database, session: Session, job: Job) -> ActionOutcome:
    """Finish a locked job early, in the caller's transaction.

    Raises:
        InvalidState: The job has ended, or has no picture yet.
    """
    outcome = resolve_action(session, job, Action.FINISH)
    if outcome.effect is ActionEffect.NO_CHANGE or job.finish_requested:
        return outcome
    ready = ready_columns(db, job) if outcome.state == JobState.QUEUED else {}
    columns = {**ready, "finish_requested": True}
    transition(db, session, job, Action.FINISH, outcome.state, **columns)
    return outcome


def resolve_action(session: Session, job: Job, action: Action) -> ActionOutcome:
    """Return the outcome of an action on a job in its current state.

    Raises:
        InvalidState: The job does not allow the action.
    """
    outcome = ACTIONS[action].get(job.state)
    met = read_met_requirements(session, job)
    if (
        outcome is not None
        and _is_applicable(job, action)
        and outcome.requirement in {None, *met}
    ):
        return outcome
    raise InvalidState(
        job.id,
        action,
        job.state,
        allowed_actions(job, met),
        _refusal_reason(job, outcome),
    )


def read_met_requirements(session: Session, job: Job) -> frozenset[Requirement]:
    """Read the requirements of actions that a job meets."""
    checkpoint = select(Checkpoint.job_id).where(Checkpoint.job_id == job.id)
    deleted_input = (
        select(JobInput.job_id)
        .join(Asset, Asset.id == JobInput.asset_id)
        .where(JobInput.job_id == job.id, Asset.key.is_(None))
    )
    return met_requirements(
        job,
        has_checkpoint=session.scalar(checkpoint.limit(1)) is not None,
        has_inputs=session.scalar(deleted_input.limit(1)) is None,
    )


def met_requirements(
    job: Job, *, has_checkpoint: bool, has_inputs: bool
) -> frozenset[Requirement]:
    """List the requirements of actions that a job meets."""
    requirements = {
        Requirement.CHECKPOINT: has_checkpoint,
        Requirement.INPUTS: has_inputs,
        Requirement.EARLY_COMPLETION: job.completion == Completion.EARLY,
    }
    return frozenset(name for name, is_met in requirements.items() if is_met)


def allowed_actions(job: Job, met: frozenset[Requirement]) -> list[str]:
    """List the actions that would change a job that meets these requirements."""
    requested = {Action.FINISH} if job.finish_requested else set()
    return [
        action
        for action in map(Action, actions_in_state(job.state, met))
        if action not in requested
        and _is_applicable(job, action)
        and (action not in _CHILD_ACTIONS or Requirement.INPUTS in met)
    ]


def _apply_action(
    db: Database, owner_id: str, job_id: str, action: Action
) -> ActionOutcome:
    with db.write() as session:
        job = lock_job(session, job_id, owner_id)
        outcome = resolve_action(session, job, action)
        if outcome.effect is ActionEffect.TRANSITION:
            columns = _withdrawn_requests(outcome.state)
            transition(db, session, job, action, outcome.state, **columns)
    return outcome


def _withdrawn_requests(state: JobState) -> dict[str, Any]:
    """Return the columns that withdraw a request to finish, for a paused job."""
    return {"finish_requested": False} if state == JobState.PAUSED else {}


def _is_applicable(job: Job, action: Action) -> bool:
    if job.purge_requested_at is not None:
        return action is Action.CANCEL  # for other actions, the job counts as deleted
    return job.kind == JobKind.STYLE or action not in STYLE_ONLY_ACTIONS


def _refusal_reason(job: Job, outcome: ActionOutcome | None) -> str:
    if job.purge_requested_at is not None:
        return "it is being deleted"
    if (
        outcome is None
        or outcome.requirement is None
        or outcome.requirement == Requirement.EARLY_COMPLETION
    ):
        return ""
    return f"it has no {outcome.requirement.removeprefix('a ')}"
