"""States of jobs and the transitions between them, as tables.

`ACTIONS` lists actions that people request. `EVENTS` lists events of the queue, of
workers and of the maintenance. A pair of state and action or event that is in neither
table does not happen. The tables of docs/jobs.md are generated from these tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet


class JobState(StrEnum):
    """State of a job."""

    QUEUED = "queued"  # waits for a worker; state_reason names any other reason
    RUNNING = "running"  # a worker holds the lease
    PAUSING = "pausing"  # a worker holds the lease and will pause the job
    PAUSED = "paused"  # occupies no device; continues when resumed
    CANCELING = "canceling"  # a worker holds the lease and will stop the job
    SUCCEEDED = "succeeded"  # the generated image is stored
    FAILED = "failed"  # ended with an error; error_code says why
    CANCELED = "canceled"  # stopped on request; occupies no device
    EXPIRED = "expired"  # was not started, or not resumed, in time


class StateReason(StrEnum):
    """Reason why a queued job cannot be claimed yet, or why a job has ended."""

    RECOVERING = "recovering"  # its worker stopped; it continues from its checkpoint
    BACKING_OFF = "backing_off"  # an attempt failed; the next waits for run_after
    OVERDUE = "overdue"  # not started by start_deadline, or not done by cancel_after
    PAUSED_TOO_LONG = "paused_too_long"


class Completion(StrEnum):
    """Completion of a succeeded job: all planned iterations, or fewer."""

    FULL = "full"  # every iteration
    EARLY = "early"  # finished on request, with the picture at that time


class Relation(StrEnum):
    """Relation of a job to its parent."""

    EXTEND = "extend"
    FORK = "fork"
    RETRY = "retry"


LEASED = frozenset({JobState.RUNNING, JobState.PAUSING, JobState.CANCELING})
TERMINAL = frozenset(
    {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED, JobState.EXPIRED}
)


class Action(StrEnum):
    """Action that a person can request on a job."""

    CANCEL = "cancel"
    PAUSE = "pause"  # store a checkpoint and free the device
    RESUME = "resume"
    FINISH = "finish"  # stop now, keep the picture
    STEER = "steer"  # change parameters during the run
    FORK = "fork"  # a new job from one of its checkpoints
    EXTEND = "extend"  # a new job with more iterations at the last scale
    RETRY = "retry"  # a new job from its last checkpoint


class ActionEffect(StrEnum):
    """Result of an action on a job in a given state."""

    TRANSITION = "transition"  # the state changes
    REQUEST = "request"  # the state stays; the request is stored in the row
    CHILD_JOB = "child_job"  # the job does not change; a new job continues it
    NO_CHANGE = "no_change"  # the job is already in that state


class Requirement(StrEnum):
    """Condition, besides the right state, for an action on a job."""

    CHECKPOINT = "a checkpoint"
    INPUTS = "its pictures"  # for every action that creates a new job
    EARLY_COMPLETION = "an early completion"


@dataclass(frozen=True, slots=True)
class ActionOutcome:
    """Outcome of an action on a job in a given state.

    Attributes:
        state: State of the job afterwards.
        done: True if the action is complete; False if a worker has to complete it.
        effect: Change that the action makes.
        requirement: Condition that the job must meet for the action.
    """

    state: JobState
    done: bool
    effect: ActionEffect = ActionEffect.TRANSITION
    requirement: Requirement | None = None


def _request(state: JobState, *, done: bool) -> ActionOutcome:
    return ActionOutcome(state, done=done, effect=ActionEffect.REQUEST)


def _no_change(
    state: JobState, *, done: bool, requirement: Requirement | None = None
) -> ActionOutcome:
    return ActionOutcome(
        state, done=done, effect=ActionEffect.NO_CHANGE, requirement=requirement
    )


def _child_job(
    state: JobState, requirement: Requirement | None = None
) -> ActionOutcome:
    return ActionOutcome(
        state, done=False, effect=ActionEffect.CHILD_JOB, requirement=requirement
    )


ACTIONS: dict[Action, dict[JobState, ActionOutcome]] = {
    Action.CANCEL: {
        JobState.QUEUED: ActionOutcome(JobState.CANCELED, done=True),
        JobState.RUNNING: ActionOutcome(JobState.CANCELING, done=False),
        JobState.PAUSING: ActionOutcome(JobState.CANCELING, done=False),
        JobState.PAUSED: ActionOutcome(JobState.CANCELED, done=True),
        JobState.CANCELING: _no_change(JobState.CANCELING, done=False),
        JobState.CANCELED: _no_change(JobState.CANCELED, done=True),
    },
    Action.PAUSE: {
        JobState.QUEUED: ActionOutcome(JobState.PAUSED, done=True),
        JobState.RUNNING: ActionOutcome(JobState.PAUSING, done=False),
        JobState.PAUSING: _no_change(JobState.PAUSING, done=False),
        JobState.PAUSED: _no_change(JobState.PAUSED, done=True),
    },
    Action.RESUME: {
        JobState.QUEUED: _no_change(JobState.QUEUED, done=True),
        JobState.RUNNING: _no_change(JobState.RUNNING, done=True),
        JobState.PAUSING: ActionOutcome(JobState.RUNNING, done=False),
        JobState.PAUSED: ActionOutcome(JobState.QUEUED, done=False),
    },
    Action.FINISH: {
        JobState.QUEUED: ActionOutcome(
            JobState.QUEUED,
            done=False,
            effect=ActionEffect.REQUEST,
            requirement=Requirement.CHECKPOINT,
        ),
        JobState.RUNNING: _request(JobState.RUNNING, done=False),
        JobState.PAUSING: _request(JobState.PAUSING, done=False),
        JobState.PAUSED: ActionOutcome(
            JobState.QUEUED, done=False, requirement=Requirement.CHECKPOINT
        ),
        JobState.SUCCEEDED: _no_change(
            JobState.SUCCEEDED, done=True, requirement=Requirement.EARLY_COMPLETION
        ),
    },
    Action.STEER: {
        JobState.QUEUED: _request(JobState.QUEUED, done=True),
        JobState.RUNNING: _request(JobState.RUNNING, done=False),
        JobState.PAUSING: _request(JobState.PAUSING, done=False),
        JobState.PAUSED: _request(JobState.PAUSED, done=True),
    },
    Action.FORK: {
        state: _child_job(state, Requirement.CHECKPOINT) for state in JobState
    },
    Action.EXTEND: {
        JobState.SUCCEEDED: _child_job(JobState.SUCCEEDED, Requirement.CHECKPOINT)
    },
    Action.RETRY: {
        state: _child_job(state)
        for state in (JobState.FAILED, JobState.CANCELED, JobState.EXPIRED)
    },
}


def actions_in_state(
    state: JobState, requirements_met: AbstractSet[Requirement] = frozenset()
) -> list[str]:
    """Return the actions that have an effect on a job in `state`, sorted by name.

    Args:
        state: State of the job.
        requirements_met: Requirements that the job meets.
    """
    return sorted(
        action
        for action, outcomes in ACTIONS.items()
        if (outcome := outcomes.get(state)) is not None
        and outcome.effect is not ActionEffect.NO_CHANGE
        and (outcome.requirement is None or outcome.requirement in requirements_met)
    )


class Event(StrEnum):
    """Event that changes a job without a request by a person."""

    CLAIM = "claim"  # a worker took the job
    COMPLETE = "complete"  # the result is stored
    STOP = "stop"  # the worker released the job on request
    RELEASE = "release"  # the worker had to stop, without an error of the job
    RETRY = "retry"  # the attempt failed; another may succeed
    FAIL = "fail"  # the job failed for good
    RESCUE = "rescue"  # the lease of its worker ran out
    CRASH_LOOP = "crash_loop"  # the job has lost its workers repeatedly
    EXPIRE = "expire"  # not started by its deadline, or paused for too long
    OVERDUE = "overdue"  # not done by cancel_after
    UNSCHEDULABLE = "unschedulable"  # too large for all registered devices


EVENTS: dict[Event, dict[JobState, JobState]] = {
    Event.CLAIM: {JobState.QUEUED: JobState.RUNNING},
    Event.COMPLETE: {
        JobState.RUNNING: JobState.SUCCEEDED,
        JobState.PAUSING: JobState.SUCCEEDED,
        JobState.CANCELING: JobState.CANCELED,
    },
    Event.STOP: {
        JobState.PAUSING: JobState.PAUSED,
        JobState.CANCELING: JobState.CANCELED,
    },
    Event.RELEASE: {
        JobState.RUNNING: JobState.QUEUED,
        JobState.PAUSING: JobState.PAUSED,
        JobState.CANCELING: JobState.CANCELED,
    },
    Event.RETRY: {
        JobState.RUNNING: JobState.QUEUED,
        JobState.PAUSING: JobState.PAUSED,
        JobState.CANCELING: JobState.CANCELED,
    },
    Event.FAIL: {
        JobState.RUNNING: JobState.FAILED,
        JobState.PAUSING: JobState.FAILED,
        JobState.CANCELING: JobState.CANCELED,
    },
    Event.RESCUE: {
        JobState.RUNNING: JobState.QUEUED,
        JobState.PAUSING: JobState.PAUSED,
        JobState.CANCELING: JobState.CANCELED,
    },
    Event.CRASH_LOOP: {
        JobState.RUNNING: JobState.FAILED,
        JobState.PAUSING: JobState.PAUSED,
        JobState.CANCELING: JobState.CANCELED,
    },
    Event.EXPIRE: {
        JobState.QUEUED: JobState.EXPIRED,
        JobState.PAUSED: JobState.EXPIRED,
    },
    Event.OVERDUE: {
        JobState.QUEUED: JobState.CANCELED,
        JobState.RUNNING: JobState.CANCELING,
        JobState.PAUSING: JobState.CANCELING,
        JobState.PAUSED: JobState.CANCELED,
    },
    Event.UNSCHEDULABLE: {JobState.QUEUED: JobState.FAILED},
}
