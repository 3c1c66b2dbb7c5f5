"""One thing that happened to a job, ready to be sent."""

from __future__ import annotations

from dataclasses import dataclass

SNAPSHOT = "snapshot"  # the job object
LOG = "log"  # a line of the log as it is; what follows says what it means
STATE = "state"  # somebody asked for something, or the state changed
CHANGED = "params_changed"  # a change was asked for, or has begun
OUTPUT = "output"  # what the job has made
END = "end"  # the job is over
PROGRESS = "progress"
PREVIEW = "preview"
CHECKPOINT = "checkpoint"
TOUCHED = "touched"  # a new revision without a line in the log; for waits only

# Of these only the latest is of interest: they are not in the log, nor replayed.
MOMENTARY = frozenset({PROGRESS, PREVIEW, CHECKPOINT, TOUCHED})


@dataclass(frozen=True, slots=True)
class News:
    """One thing that happened.

    Attributes:
        kind: One of the words above.
        data: JSON in one line.
        seq: The line of the log that it is from; None: of the moment.
        is_last: Whether it is the last that this line of the log gives.
        percent: How far the job is, for progress.
        thumb_key: Of the blob, for a preview.
    """

    kind: str
    job_id: str
    owner_id: str
    data: str
    seq: int | None = None
    is_last: bool = True
    percent: int | None = None
    thumb_key: str | None = None
