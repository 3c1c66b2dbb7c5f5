"""The life of a job: its states, and the only moves between them, as tables.

`VERBS` is what people may ask, `EVENTS` what the queue, a worker or the reconciler
may say. A pair that stands in neither table does not happen.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class JobState(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"  # waiting for a worker; state_reason says if for anything else
    RUNNING = "running"  # a worker holds the lease
    CANCELING = "canceling"  # a worker holds the lease and has been asked to stop
    SUCCEEDED = "succeeded"  # the generated image is stored
    FAILED = "failed"  # gave up; error_code says why
    CANCELED = "canceled"  # stopped because somebody asked; no device is busy with it


class StateReason(StrEnum):
    """Why a queued job is not simply waiting its turn."""

    RECOVERING = "recovering"  # its worker stopped; it goes on from its checkpoint
    BACKING_OFF = "backing_off"  # an attempt failed; the next waits for run_after


HELD = frozenset({JobState.RUNNING, JobState.CANCELING})
TERMINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED})


class Verb(StrEnum):
    """What people may ask of a job."""

    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verb leads to: the state after it, and whether that is the end of it."""

    state: JobState
    done: bool  # False: accepted, a worker still has to obey


VERBS: dict[Verb, dict[JobState, Answer]] = {
    Verb.CANCEL: {
        JobState.QUEUED: Answer(JobState.CANCELED, done=True),
        JobState.RUNNING: Answer(JobState.CANCELING, done=False),
        JobState.CANCELING: Answer(JobState.CANCELING, done=False),
        JobState.CANCELED: Answer(JobState.CANCELED, done=True),
    },
}


def allowed_verbs(state: JobState) -> list[str]:
    """The verbs that work in `state`, for people who asked for another."""
    return sorted(verb for verb, answers in VERBS.items() if state in answers)


class Event(StrEnum):
    """What happens to a job without anybody asking."""

    CLAIM = "claim"  # a worker took it
    COMPLETE = "complete"  # its result is stored
    STOPPED = "stopped"  # the worker obeyed and let go
    RELEASE = "release"  # the worker had to leave; nothing was wrong with the job
    RETRY = "retry"  # the attempt failed, another may succeed
    FAIL = "fail"  # it failed for good
    REAP = "reap"  # its worker fell silent
    POISON = "poison"  # its workers fall silent again and again
    MISFIT = "misfit"  # no known device can ever hold it


EVENTS: dict[Event, dict[JobState, JobState]] = {
    Event.CLAIM: {JobState.QUEUED: JobState.RUNNING},
    Event.COMPLETE: {
        JobState.RUNNING: JobState.SUCCEEDED,
        JobState.CANCELING: JobState.CANCELED,
    },
    Event.STOPPED: {JobState.CANCELING: JobState.CANCELED},
    Event.RELEASE: {
        JobState.RUNNING: JobState.QUEUED,
        JobState.CANCELING: JobState.CANCELED,
    },
    Event.RETRY: {
        JobState.RUNNING: JobState.QUEUED,
        JobState.CANCELING: JobState.CANCELED,
    },
    Event.FAIL: {
        JobState.RUNNING: JobState.FAILED,
        JobState.CANCELING: JobState.CANCELED,
    },
    Event.REAP: {
        JobState.RUNNING: JobState.QUEUED,
        JobState.CANCELING: JobState.CANCELED,
    },
    Event.POISON: {
        JobState.RUNNING: JobState.FAILED,
        JobState.CANCELING: JobState.CANCELED,
    },
    Event.MISFIT: {JobState.QUEUED: JobState.FAILED},
}
