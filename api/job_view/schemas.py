"""What the API says, as Pydantic models: the answers and their OpenAPI description.

What the API says of the log of jobs, as Pydantic models.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from api.http.schemas import ResponseModel
from api.job_view.examples import JOB
from shared.params.segments import Changes
from shared.states import Completion, JobState, Relation

PriorityWord = Literal["low", "normal", "high"]
PRIORITIES: dict[str, int] = {"low": -1, "normal": 0, "high": 1}

Confidence = Literal["low", "medium", "high"]
WhyWaiting = Literal[
    "waiting_for_worker",
    "quota",
    "queue_paused",
    "recovering",
    "backing_off",
    "no_capable_worker_alive",
]


class QueuePlace(ResponseModel):
    """Where a queued job stands."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "example": {
                "position": 4,
                "ahead": 3,
                "starts_in_s": 180.0,
                "starts_at": "2026-11-24T10:03:00Z",
                "finishes_at": "2026-11-24T10:04:25Z",
                "confidence": "medium",
                "reason": "waiting_for_worker",
            }
        },
    )

    position: int = Field(description="in the order of claims; 1 is next")
    ahead: int
    starts_in_s: float | None = Field(description="null: nobody can tell; see reason")
    starts_at: datetime | None
    finishes_at: datetime | None
    confidence: Confidence | None = Field(
        description="of these times; high: jobs like it and those before it are known"
    )
    reason: WhyWaiting = Field(
        description="why it does not run; quota: its owner has as many running as may "
        "be; queue_paused: every worker that could take it drains"
    )


class ScaleNow(ResponseModel):
    """The size that is being optimized; `index` counts from 0."""

    index: int
    count: int
    width: int | None
    height: int | None


class Progress(ResponseModel):
    """How far a job is; `fraction` counts work (pixels x iterations, or pictures)."""

    fraction: float
    phase: str
    scale: ScaleNow
    iteration: int
    iterations: int
    it_per_s: float | None
    elapsed_s: float | None
    eta_s: float | None = Field(description="seconds left at updated_at; null: unknown")
    eta_at: datetime | None = Field(description="when it will be done")
    eta_low_s: float | None = Field(description="nine times of ten, it is between this")
    eta_high_s: float | None = Field(description="and this")
    losses: dict[str, float | None]
    updated_at: datetime | None


class Preview(ResponseModel):
    """The latest small picture of a job."""

    iteration: int
    url: str
    thumb_url: str
    width: int
    height: int


class CheckpointMark(ResponseModel):
    """Where the job would go on if its worker died now."""

    iteration: int
    at: datetime | None = Field(description="null: it is kept no longer")


class StoredCheckpoint(ResponseModel):
    """A place that a fork can begin at."""

    iteration: int
    kept: bool = Field(description="by keep_every; others go when newer ones come")
    bytes: int
    created_at: datetime
    promote_url: str | None = Field(
        description="POST makes a new job that renders it in full size"
    )


class Parent(ResponseModel):
    """The job that this one goes on from."""

    job_id: str
    iteration: int
    relation: Relation


class Output(ResponseModel):
    """A finished picture, or another file that a job has made."""

    name: str
    url: str
    media_type: str
    width: int | None
    height: int | None
    bytes: int | None
    sha256: str | None


class JobError(ResponseModel):
    """Why a job, or its last attempt, failed."""

    code: str
    message: str
    hint: str
    retryable: bool
    iteration: int | None = Field(
        description="where it was, as last told; null: another attempt has begun"
    )
    attempt: int | None = Field(description="which one failed, or null as well")


class JobWorker(ResponseModel):
    """Who computes the job, or did last."""

    id: str
    device: str | None
    name: str | None


class JobUrls(ResponseModel):
    """Addresses to follow instead of building them."""

    self: str
    events: str
    cancel: str | None = Field(description="this and the others: null if refused now")
    pause: str | None
    resume: str | None
    finish: str | None
    extend: str | None
    fork: str | None
    retry: str | None
    result: str
    latest_frame: str | None = Field(description="null: there is none, nor will be")
    frames: str
    metrics: str
    logs: str
    manifest: str
    tree: str
    content: str | None = Field(description="null: it was deleted, or there is none")


class SegmentObject(ResponseModel):
    """Parameters that change in mid-run."""

    from_iteration: int | None = Field(
        description="over all scales; it begins after this one; null: after the next"
    )
    changes: dict[str, Any] = Field(description="only what changes")


class JobObject(ResponseModel):
    """A job."""

    model_config = ConfigDict(json_schema_extra={"example": JOB})

    id: str
    object: Literal["job"] = "job"
    revision: int = Field(description="of state and parameters; for If-Match")
    kind: str
    state: JobState
    state_reason: str | None = Field(
        description="of queued ones: recovering, backing_off; of canceled and expired "
        "ones that nobody canceled: overdue, paused_too_long"
    )
    name: str | None
    tags: list[str]
    metadata: dict[str, str]
    trace_id: str | None = Field(description="of the traceparent it was sent with")
    owner: str
    created_at: datetime
    queued_at: datetime = Field(
        description="since when it waits, or did last; if it backs off, until when"
    )
    started_at: datetime | None
    finished_at: datetime | None
    start_deadline: datetime | None = Field(description="expires if not started then")
    cancel_after: datetime | None = Field(description="canceled if not done then")
    priority: Literal["low", "normal", "high"]
    attempts: int
    max_attempts: int
    fence: int
    parent: Parent | None
    params: dict[str, Any] = Field(
        description="StyleParams or, of kind explore, ExploreParams; defaults filled in"
    )
    segments: list[SegmentObject] = Field(description="what changes, and when")
    current: Changes | None = Field(
        description="what can change, as it is with all segments"
    )
    keep_every: int | None
    allowed_actions: list[str] = Field(description="verbs that would change something")
    finish_requested: bool
    completion: Completion | None = Field(description="early: finished by request")
    queue: QueuePlace | None = Field(description="only while queued")
    progress: Progress | None
    preview: Preview | None
    last_checkpoint: CheckpointMark | None
    checkpoints: list[StoredCheckpoint]
    outputs: list[Output]
    exact: bool | None = Field(description="as if it had never been interrupted")
    exact_reason: str | None
    error: JobError | None
    worker: JobWorker | None
    warnings: list[Any]
    inputs_gone: int = Field(
        description="pictures of it that were deleted; with some, it cannot be gone on "
        "from"
    )
    params_digest: str | None = Field(description="the same for equal work")
    reused: bool = Field(
        default=False, description="true: the answer to a submission that made no job"
    )
    urls: JobUrls


class JobPage(ResponseModel):
    """Jobs, newest first."""

    data: list[JobObject]
    next_cursor: str | None
    count: int | None = Field(
        default=None, description="of all pages, with `count=true`; null: not counted"
    )
    count_is_capped: bool | None = Field(
        default=None, description="there are as many, or more"
    )


class LogLine(ResponseModel):
    """Something that happened to a job, as its log and its stream tell it."""

    type: Literal["state", "params_changed", "output", "end"]
    seq: int = Field(description="place in the log; `after` and Last-Event-ID take it")
    job_id: str
    at: datetime
    event: str | None = Field(
        default=None, description="the verb that was asked, or what the queue did"
    )
    state: JobState | None = Field(default=None, description="after it")
    from_state: JobState | None = Field(default=None, description="before it")
    changes: dict[str, Any] | None = Field(default=None, description="what was asked")
    from_iteration: int | None = Field(
        default=None, description="what was asked before holds after this one"
    )
    outputs: list[Output] | None = Field(default=None, description="what was made")


class LogPage(ResponseModel):
    """Lines of the log, oldest first; what does not apply to one is left out."""

    data: list[LogLine]
    next_after: int = Field(description="`after` of what comes next, now or later")


class LoggedEvent(ResponseModel):
    """Something that happened to a job, as the log has it, and events named `log`."""

    job_id: str
    seq: int = Field(description="grows; for `since`")
    at: datetime
    event: str
    from_state: str | None
    state: str
    fence: int
    detail: dict[str, Any] | None
