"""What a worker may write to a job that it holds, and where that leads."""

from __future__ import annotations

from shared.jobs.checkpoints import add_warning, discard_newer_checkpoints
from shared.jobs.lease import (
    complete_job,
    fail_job,
    postpone_job,
    release_job,
    renew_lease,
    retry_with_smaller_steps,
    stop_job,
)
from shared.jobs.steering import begin_segments
from shared.states import EVENTS, Completion, JobState
from tests.support.job_rows import BROKEN, DIVERGED, HOPELESS, LEASE, checkpoint, result

CAUTION = 0.5


def checkpoint_iteration(held, n):
    """Iteration of the checkpoint that a claim writes for a drawn number."""
    return 10 * held.fence + n % 9 + 1


WRITES = {
    "heartbeat": lambda db, held, _: renew_lease(db, held, LEASE, 1, {}),
    "checkpoint": lambda db, held, n: checkpoint(
        db, held, checkpoint_iteration(held, n)
    ),
    "fell_back": lambda db, held, n: discard_newer_checkpoints(
        db, held, 10 * held.fence - n % 9
    ),
    "begin": lambda db, held, n: begin_segments(db, held, n % 50),
    "warn": lambda db, held, _: add_warning(db, held, "x", "y"),
    "complete": lambda db, held, n: complete_job(db, held, _picture(held, n)),
    "release": lambda db, held, _: release_job(db, held),
    "retry": lambda db, held, _: fail_job(db, held, BROKEN, 10),
    "fail": lambda db, held, _: fail_job(db, held, HOPELESS, 10),
    "postpone": lambda db, held, _: postpone_job(db, held, BROKEN, 30),
    "carefully": lambda db, held, _: retry_with_smaller_steps(
        db, held, DIVERGED, CAUTION
    ),
    "stop": lambda db, held, _: stop_job(db, held),
}
KEEPS_THE_CLAIM = {"heartbeat", "checkpoint", "fell_back", "begin", "warn"}


def _picture(held, n):
    early = Completion.EARLY if n % 2 else Completion.FULL
    return result(held, completion=early)


def checkpoint_key(held, iteration):
    return f"checkpoints/{held.job_id}/{held.fence}-{iteration}"


def is_its_success(held, row):
    return row.state == JobState.SUCCEEDED and row.fence == held.fence


def led_to(before, write):
    """Where the tables say that a write of its holder leads."""
    event = {"postpone": "retry", "carefully": "retry"}.get(write, write)
    if write == "stop" and before.state == JobState.RUNNING:
        event = "release"  # resumed in the last moment
    if (
        write == "retry"
        and before.attempts >= before.max_attempts
        and before.state != JobState.PAUSING
    ):
        event = "fail"
    state = EVENTS[event][before.state]
    if state == JobState.PAUSED and before.finish_requested:
        return JobState.QUEUED  # its picture is wanted now
    return state
