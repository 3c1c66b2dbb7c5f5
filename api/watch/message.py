"""Messages to streams and long polls about changes of jobs."""

from __future__ import annotations

from dataclasses import dataclass

SNAPSHOT = "snapshot"  # the job object
LOG = "log"  # a row of the event log; further messages say its consequences
STATE = "state"  # an action was requested, or the state changed
PARAMS_CHANGED = "params_changed"  # a change was requested, or took effect
OUTPUT = "output"  # files that the job has produced
END = "end"  # the job has reached a terminal state
PROGRESS = "progress"
PREVIEW = "preview"
CHECKPOINT = "checkpoint"
VERSION = "version"  # for long polls only

# Only the newest message of each kind counts: not in the event log, not replayed.
LATEST_ONLY = frozenset({PROGRESS, PREVIEW, CHECKPOINT, VERSION})


@dataclass(frozen=True, slots=True)
class Message:
    """Message about a change of a job, as JSON.

    Attributes:
        kind: One of the constants of this module.
        job_id: Id of the job.
        owner_id: Owner of the job.
        data: JSON in one line.
        seq: Number of the event behind the message; None if it is not in the log.
        is_last: True for the last message about this event.
    """

    kind: str
    job_id: str
    owner_id: str
    data: str
    seq: int | None = None
    is_last: bool = True
