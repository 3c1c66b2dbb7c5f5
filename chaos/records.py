"""Records of an episode: submissions, actions and faults, for the checks at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

CHAIN, STYLE = "chain", "style"


@dataclass(frozen=True, slots=True)
class Submission:
    """Submission of a job, and its response.

    Attributes:
        name: Unique name of the job, stored in its row.
        kind: `chain` or `style`.
        variant: Seed of the chain, or index of the real job.
        params: Submitted parameters.
        job_id: Id of the job; None if it was refused or no response came.
        is_unknown: Whether no response came, so that the job may exist.
        at: Time of the request, in seconds since 1970.
        seconds: Response time, including pauses before repeated requests.
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
    """Requested action for a job; `status` is None if no response came."""

    job_id: str
    verb: str
    status: int | None
    at: float
    seconds: float = 0.0  # response time


@dataclass(frozen=True, slots=True)
class ChildRequest:
    """Request for a fork, an extension or a retry.

    Attributes:
        parent_id: Id of the job that it continues.
        relation: `fork`, `extend` or `retry`.
        job_id: Id of the child; None if it was refused or no response came.
        is_unknown: Whether no response came, so that a child may exist.
        at: Time of the request, in seconds since 1970.
        seconds: Response time, including pauses before repeated requests.
        iteration: Iteration that a fork begins at.
        style_weight: Style weight requested for a fork, if any.
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
    """Picture that a fault removed: key of its blob, and time of the removal."""

    key: str
    at: float


@dataclass(frozen=True, slots=True)
class LostCommits:
    """Period whose commits the database lost.

    Commits before `since` and after `until` are not lost.
    """

    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Fault:
    """Fault that was injected.

    Attributes:
        kind: Name of the kind of fault.
        at: Time of its beginning, in seconds since 1970.
        until: Time of its end, by itself or by a repair.
        job_id: Id of the job whose worker it hit.
        fence: Fence of that worker's claim.
        more: Details as text.
    """

    kind: str
    at: float
    until: float
    job_id: str | None = None
    fence: int | None = None
    more: str = ""


@dataclass(slots=True)
class Records:
    """Records of one episode."""

    submissions: list[Submission] = field(default_factory=list)
    actions: list[RequestedAction] = field(default_factory=list)
    children: list[ChildRequest] = field(default_factory=list)
    removed_inputs: list[RemovedInput] = field(default_factory=list)
    lost_commits: list[LostCommits] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    surprises: list[str] = field(
        default_factory=list
    )  # violations found during the episode
