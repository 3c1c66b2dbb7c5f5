"""What is written down while the chaos runs; judged afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

CHAIN, STYLE = "chain", "style"


@dataclass(frozen=True, slots=True)
class Submission:
    """A job that was sent, and what was answered.

    Attributes:
        name: Unique; the row has it.
        kind: `chain` or `style`.
        variant: Seed of the chain, or which of the pictures.
        params: As sent.
        job_id: None: refused, or no answer came, so that nobody knows.
        is_unknown: Whether no answer came.
        at: When it was sent, seconds since 1970.
        seconds: How long the answer took; with a pause where it had to be sent again.
    """

    name: str
    kind: str
    variant: int
    params: dict[str, Any]
    job_id: str | None
    is_unknown: bool
    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class RequestedAction:
    """A verb that was asked of a job; `status` is None where no answer came."""

    job_id: str
    verb: str
    status: int | None
    at: float
    seconds: float = 0.0  # how long the answer took


@dataclass(frozen=True, slots=True)
class ChildRequest:
    """A fork, an extension or a retry that was asked for.

    Attributes:
        parent_id: Id of the job that it continues.
        relation: `fork`, `extend` or `retry`.
        job_id: Id of the child. None: refused, or nobody knows.
        is_unknown: Whether there may be a child without an answer that names it.
        at: When it was sent, seconds since 1970.
        seconds: How long the answer took; with a pause where it had to be sent again.
        iteration: Iteration that a fork begins at.
        style_weight: Style weight that a fork asks for, if any.
        iterations: Number of iterations that an extension adds.
    """

    parent_id: str
    relation: str
    job_id: str | None
    is_unknown: bool
    at: float
    seconds: float
    iteration: int | None = None
    style_weight: float | None = None
    iterations: int = 0


@dataclass(frozen=True, slots=True)
class RemovedInput:
    """A picture that vanished from the storage: key of its blob, and since when."""

    key: str
    at: float


@dataclass(frozen=True, slots=True)
class LostCommits:
    """A time in which the database took commits that it then forgot.

    All that was committed before `since` was kept, and all after `until`.
    """

    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that was broken on purpose.

    Attributes:
        kind: Of the table of `chaos.faults`.
        at: When it began, seconds since 1970.
        until: When it was over by itself or was undone.
        job_id: The job of the worker that it hit.
        fence: Of that worker's claim.
        more: For people.
    """

    kind: str
    at: float
    until: float
    job_id: str | None = None
    fence: int | None = None
    more: str = ""


@dataclass(slots=True)
class Records:
    """All of it, as it happens."""

    submissions: list[Submission] = field(default_factory=list)
    actions: list[RequestedAction] = field(default_factory=list)
    children: list[ChildRequest] = field(default_factory=list)
    removed_inputs: list[RemovedInput] = field(default_factory=list)
    lost_commits: list[LostCommits] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)  # violations seen on the way
