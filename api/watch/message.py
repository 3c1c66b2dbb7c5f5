"""Messages of streams and long polls: one thing that happened to a job."""

from __future__ import annotations

from dataclasses import dataclass

SNAPSHOT = "snapshot"  # the job object
LOG = "log"  # a row of the event log as it is; further messages say what it means
STATE = "state"  # an action was requested, or the state changed
PARAMS_CHANGED = "params_changed"  # a change was requested, or took effect
OUTPUT = "output"  # the files that the job has made
END = "end"  # the job has reached a terminal state
PROGRESS = "progress"
PREVIEW = "preview"
CHECKPOINT = "checkpoint"
VERSION = "version"  # for long polls only

# Only the newest of each is of use: they are not in the event log and not replayed.
LATEST_ONLY = frozenset({PROGRESS, PREVIEW, CHECKPOINT, VERSION})


@dataclass(frozen=True, slots=True)
class Message:
    """One thing that happened to a job, ready to be sent.

    Attributes:
        kind: One of the constants of this module.
        job_id: Id of the job.
        owner_id: Owner of the job.
        data: JSON in one line.
        seq: Number of the event that it was made from; None if it is not in the log.
        is_last: Whether it is the last message made from this event.
    """

    kind: str
    job_id: str
    owner_id: str
    data: str
    seq: int | None = None
    is_last: bool = True
