"""The life of a job: its states, and the only moves between them, as tables.

`VERBS` is what people may ask, `EVENTS` what the queue, a worker or the reconciler
may say. A pair that stands in neither table does not happen. docs/jobs.md is made of
them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet


class JobState(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"  # waiting for a worker; state_reason says if for anything else
    RUNNING = "running"  # a worker holds the lease
    PAUSING = "pausing"  # a worker holds the lease and has been asked to let go
    PAUSED = "paused"  # no device is busy with it; it goes on when somebody asks
    CANCELING = "canceling"  # a worker holds the lease and has been asked to stop
    SUCCEEDED = "succeeded"  # the generated image is stored
    FAILED = "failed"  # gave up; error_code says why
    CANCELED = "canceled"  # stopped because somebody asked; no device is busy with it
    EXPIRED = "expired"  # was not started, or not resumed, in time


class StateReason(StrEnum):
    """Why a queued job is not simply waiting its turn, or why one that is over is."""

    RECOVERING = "recovering"  # its worker stopped; it goes on from its checkpoint
    BACKING_OFF = "backing_off"  # an attempt failed; the next waits for run_after
    OVERDUE = "overdue"  # not started by start_deadline, or not done by cancel_after
    PAUSED_TOO_LONG = "paused_too_long"


class Completion(StrEnum):
    """How much of what was planned a succeeded job has done."""

    FULL = "full"  # every iteration
    EARLY = "early"  # somebody asked to finish; the picture as it was then


class Relation(StrEnum):
    """What a job is to the one it goes on from."""

    EXTEND = "extend"
    FORK = "fork"
    RETRY = "retry"


HELD = frozenset({JobState.RUNNING, JobState.PAUSING, JobState.CANCELING})
TERMINAL = frozenset(
    {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED, JobState.EXPIRED}
)


class Verb(StrEnum):
    """What people may ask of a job."""

    CANCEL = "cancel"
    PAUSE = "pause"  # checkpoint, and free the device
    RESUME = "resume"
    FINISH = "finish"  # stop now, keep the picture
    STEER = "steer"  # change parameters in mid-run
    FORK = "fork"  # a new job from one of its checkpoints
    EXTEND = "extend"  # a new job with more iterations at the last scale
    RETRY = "retry"  # a new job from its last checkpoint


class Effect(StrEnum):
    """What comes of asking."""

    MOVE = "move"  # the state changes
    NOTE = "note"  # the state stays; what was asked is noted
    CHILD = "child"  # the job stays as it is; a new one goes on from it
    NOTHING = "nothing"  # it is so already


class Need(StrEnum):
    """What a job must have, besides its state, for a verb to work."""

    CHECKPOINT = "a checkpoint"
    EARLY = "an early completion"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verb leads to.

    Attributes:
        state: The job's state after it.
        done: Whether that is the end of it; False: accepted, a worker has to obey.
        effect: What comes of it.
        needs: What else the job must have; without it, the verb is refused.
    """

    state: JobState
    done: bool
    effect: Effect = Effect.MOVE
    needs: Need | None = None


def _note(state: JobState, *, done: bool) -> Answer:
    return Answer(state, done=done, effect=Effect.NOTE)


def _nothing(state: JobState, *, done: bool, needs: Need | None = None) -> Answer:
    return Answer(state, done=done, effect=Effect.NOTHING, needs=needs)


def _child(state: JobState, needs: Need | None = None) -> Answer:
    return Answer(state, done=False, effect=Effect.CHILD, needs=needs)


VERBS: dict[Verb, dict[JobState, Answer]] = {
    Verb.CANCEL: {
        JobState.QUEUED: Answer(JobState.CANCELED, done=True),
        JobState.RUNNING: Answer(JobState.CANCELING, done=False),
        JobState.PAUSING: Answer(JobState.CANCELING, done=False),
        JobState.PAUSED: Answer(JobState.CANCELED, done=True),
        JobState.CANCELING: _nothing(JobState.CANCELING, done=False),
        JobState.CANCELED: _nothing(JobState.CANCELED, done=True),
    },
    Verb.PAUSE: {
        JobState.QUEUED: Answer(JobState.PAUSED, done=True),
        JobState.RUNNING: Answer(JobState.PAUSING, done=False),
        JobState.PAUSING: _nothing(JobState.PAUSING, done=False),
        JobState.PAUSED: _nothing(JobState.PAUSED, done=True),
    },
    Verb.RESUME: {
        JobState.QUEUED: _nothing(JobState.QUEUED, done=True),
        JobState.RUNNING: _nothing(JobState.RUNNING, done=True),
        JobState.PAUSING: Answer(JobState.RUNNING, done=False),
        JobState.PAUSED: Answer(JobState.QUEUED, done=False),
    },
    Verb.FINISH: {
        JobState.QUEUED: Answer(
            JobState.QUEUED, done=False, effect=Effect.NOTE, needs=Need.CHECKPOINT
        ),
        JobState.RUNNING: _note(JobState.RUNNING, done=False),
        JobState.PAUSING: _note(JobState.PAUSING, done=False),
        JobState.PAUSED: Answer(JobState.QUEUED, done=False, needs=Need.CHECKPOINT),
        JobState.SUCCEEDED: _nothing(JobState.SUCCEEDED, done=True, needs=Need.EARLY),
    },
    Verb.STEER: {
        JobState.QUEUED: _note(JobState.QUEUED, done=True),
        JobState.RUNNING: _note(JobState.RUNNING, done=False),
        JobState.PAUSING: _note(JobState.PAUSING, done=False),
        JobState.PAUSED: _note(JobState.PAUSED, done=True),
    },
    Verb.FORK: {state: _child(state, Need.CHECKPOINT) for state in JobState},
    Verb.EXTEND: {JobState.SUCCEEDED: _child(JobState.SUCCEEDED, Need.CHECKPOINT)},
    Verb.RETRY: {
        state: _child(state)
        for state in (JobState.FAILED, JobState.CANCELED, JobState.EXPIRED)
    },
}


def allowed_verbs(state: JobState, has: AbstractSet[Need] = frozenset()) -> list[str]:
    """The verbs that change something, for a job in `state` that has these things."""
    return sorted(
        verb
        for verb, answers in VERBS.items()
        if (answer := answers.get(state)) is not None
        and answer.effect is not Effect.NOTHING
        and (answer.needs is None or answer.needs in has)
    )


class Event(StrEnum):
    """What happens to a job without anybody asking."""

    CLAIM = "claim"  # a worker took it
    COMPLETE = "complete"  # its result is stored
    STOPPED = "stop"  # the worker obeyed and let go
    RELEASE = "release"  # the worker had to leave; nothing was wrong with the job
    RETRY = "retry"  # the attempt failed, another may succeed
    FAIL = "fail"  # it failed for good
    REAP = "rescue"  # its worker fell silent
    POISON = "crash_loop"  # its workers fall silent again and again
    EXPIRE = "expire"  # not started by its deadline, or paused for too long
    OVERDUE = "overdue"  # not done by the time it was to be canceled
    MISFIT = "unschedulable"  # no known device can ever hold it


EVENTS: dict[Event, dict[JobState, JobState]] = {
    Event.CLAIM: {JobState.QUEUED: JobState.RUNNING},
    Event.COMPLETE: {
        JobState.RUNNING: JobState.SUCCEEDED,
        JobState.PAUSING: JobState.SUCCEEDED,
        JobState.CANCELING: JobState.CANCELED,
    },
    Event.STOPPED: {
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
    Event.REAP: {
        JobState.RUNNING: JobState.QUEUED,
        JobState.PAUSING: JobState.PAUSED,
        JobState.CANCELING: JobState.CANCELED,
    },
    Event.POISON: {
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
    Event.MISFIT: {JobState.QUEUED: JobState.FAILED},
}
