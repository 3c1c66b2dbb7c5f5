"""Response models of jobs and of the event log, with their OpenAPI description."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from api.http.schemas import (
    EXAMPLE_ASSET_ID,
    EXAMPLE_JOB_ID,
    EXAMPLE_SHA256,
    EXAMPLE_TIME,
    DocumentedAs,
    ResponseModel,
    with_example,
)
from shared.params.explore import ExploreParams
from shared.params.kinds import JobKind
from shared.params.segments import Changes
from shared.params.style import StyleParams
from shared.states import Completion, JobState, Relation

PriorityWord = Literal["low", "normal", "high"]
PRIORITIES: dict[str, int] = {"low": -1, "normal": 0, "high": 1}

WhyWaiting = Literal[
    "waiting_for_worker",
    "quota",
    "queue_paused",
    "recovering",
    "backing_off",
    "no_capable_worker_alive",
]


class QueuePlace(ResponseModel):
    """Place of a queued job in the queue, and when it is expected to run."""

    model_config = with_example(
        {
            "position": 4,
            "ahead": 3,
            "starts_in_s": 180.0,
            "starts_at": "2026-11-24T10:03:00Z",
            "finishes_at": "2026-11-24T10:04:25Z",
            "reason": "waiting_for_worker",
        }
    )

    position: int = Field(description="in the order of claims; 1 is next")
    ahead: int
    starts_in_s: float | None = Field(description="null: unknown; see reason")
    starts_at: datetime | None
    finishes_at: datetime | None
    reason: WhyWaiting = Field(
        description="why it waits; quota: its owner has the maximum number of running "
        "jobs; queue_paused: every worker that could run it is draining"
    )


class ScaleNow(ResponseModel):
    """Scale that is being optimized; `index` counts from 0."""

    index: int
    count: int
    width: int | None
    height: int | None


class Progress(ResponseModel):
    """Progress of a job; `fraction` counts work (pixels x iterations, or pictures)."""

    fraction: float
    phase: str
    scale: ScaleNow
    iteration: int
    iterations: int
    it_per_s: float | None
    elapsed_s: float | None
    eta_s: float | None = Field(description="seconds left at updated_at; null: unknown")
    eta_at: datetime | None = Field(description="when it will be done")
    eta_low_s: float | None = Field(
        description="in 9 of 10 cases, eta_s is between this"
    )
    eta_high_s: float | None = Field(description="and this")
    losses: dict[str, float | None]
    updated_at: datetime | None


class Preview(ResponseModel):
    """Latest preview of a job."""

    iteration: int
    url: str
    thumb_url: str
    width: int
    height: int


class CheckpointMark(ResponseModel):
    """Checkpoint from which the job would continue if its worker crashed now."""

    iteration: int
    at: datetime | None = Field(description="null: it is not stored any more")


class StoredCheckpoint(ResponseModel):
    """Checkpoint from which a job can be forked."""

    iteration: int
    kept: bool = Field(
        description="by keep_every; others are deleted when newer ones are stored"
    )
    bytes: int
    created_at: datetime
    promote_url: str | None = Field(
        description="POST creates a job that renders it in full size"
    )


class Parent(ResponseModel):
    """Job from which this one continues."""

    job_id: str
    iteration: int
    relation: Relation


class Output(ResponseModel):
    """Finished picture, or another file that a job has made."""

    name: str
    url: str
    media_type: str
    width: int | None
    height: int | None
    bytes: int | None
    sha256: str | None


class JobError(ResponseModel):
    """Error of a job, or of its last attempt."""

    code: str = Field(description="of docs/errors.md; more may follow")
    message: str
    hint: str
    retryable: bool
    iteration: int | None = Field(
        description="last reported iteration; null: another attempt has begun"
    )
    attempt: int | None = Field(
        description="number of the failed attempt, or null as well"
    )


class JobWorker(ResponseModel):
    """Worker that computes the job, or did last."""

    id: str
    device: str | None
    name: str | None


class JobWarning(ResponseModel):
    """Something about the job that its owner should know, though it is no error."""

    code: str = Field(
        description="made-smaller, computed-in-tiles, profile-not-used, "
        "recipe-left-out, checkpoint-skipped or result-not-stored-yet; more may follow"
    )
    message: str


class JobUrls(ResponseModel):
    """URLs of a job, to follow instead of building them."""

    self: str
    events: str
    cancel: str | None = Field(description="null: not allowed now; so for all actions")
    pause: str | None
    resume: str | None
    finish: str | None
    extend: str | None
    fork: str | None
    retry: str | None
    result: str | None = Field(description="null: there is none now")
    latest_frame: str | None = Field(description="null: there is none now")
    thumbnail: str | None = Field(
        description="small picture of the result, else of the latest preview; null: "
        "there is none now"
    )
    frames: str
    metrics: str
    logs: str
    manifest: str
    tree: str
    content: str | None = Field(description="null: it was deleted, or there is none")


class StyleParamsOfJob(StyleParams):
    """Parameters of a job that paints."""

    model_config = ConfigDict(
        json_schema_extra={"title": "StyleParamsOfJob", "required": ["styles"]}
    )


class ExploreParamsOfJob(ExploreParams):
    """Parameters of an exploration."""

    model_config = ConfigDict(
        json_schema_extra={"title": "ExploreParamsOfJob", "required": ["layers"]}
    )


# The required member tells the kinds apart: by it, generated clients choose a class.
DocumentedParams = Annotated[
    dict[str, Any], DocumentedAs(StyleParamsOfJob | ExploreParamsOfJob)
]


class SegmentObject(ResponseModel):
    """Change of parameters during a run."""

    from_iteration: int | None = Field(
        description="over all scales; it begins after this one; null: after the next"
    )
    changes: dict[str, Any] = Field(description="only what changes")


_URL = f"/v1/jobs/{EXAMPLE_JOB_ID}"
EXAMPLE_JOB: dict[str, Any] = {
    "id": EXAMPLE_JOB_ID,
    "object": "job",
    "revision": 3,
    "version": 41,
    "kind": "style",
    "state": "running",
    "state_reason": None,
    "name": "Lisbon",
    "tags": ["series-3"],
    "metadata": {"order": "42"},
    "owner": "own_local",
    "created_at": EXAMPLE_TIME,
    "queued_at": EXAMPLE_TIME,
    "started_at": "2026-01-31T12:00:01Z",
    "finished_at": None,
    "start_deadline": None,
    "cancel_after": None,
    "priority": "normal",
    "attempts": 1,
    "max_attempts": 4,
    "fence": 1,
    "parent": None,
    "params": {
        "content": {"asset_id": EXAMPLE_ASSET_ID},
        "styles": [
            {"image": {"asset_id": "ast_01JD0000000000000000000001"}, "weight": 1.0}
        ],
        "max_edge": 512,
    },
    "segments": [],
    "current": None,
    "keep_every": None,
    "allowed_actions": ["cancel", "finish", "fork", "pause", "steer"],
    "finish_requested": False,
    "completion": None,
    "queue": None,
    "progress": {
        "fraction": 0.42,
        "phase": "optimizing",
        "scale": {"index": 1, "count": 3, "width": 256, "height": 192},
        "iteration": 120,
        "iterations": 210,
        "it_per_s": 3.41,
        "elapsed_s": 31.6,
        "eta_s": 45.0,
        "eta_at": "2026-01-31T12:01:18Z",
        "eta_low_s": 40.0,
        "eta_high_s": 52.0,
        "losses": {"total": 3.2, "content": 1.1, "style": 2.0, "tv": 0.1},
        "updated_at": "2026-01-31T12:00:33Z",
    },
    "preview": {
        "iteration": 118,
        "url": f"{_URL}/frames/latest",
        "thumb_url": f"{_URL}/frames/118/thumb",
        "width": 256,
        "height": 192,
    },
    "last_checkpoint": {"iteration": 100, "at": "2026-01-31T12:00:28Z"},
    "checkpoints": [
        {
            "iteration": 100,
            "kept": False,
            "bytes": 7_204_112,
            "created_at": "2026-01-31T12:00:28Z",
            "promote_url": f"{_URL}/frames/100/promote",
        }
    ],
    "outputs": [],
    "exact": None,
    "exact_reason": None,
    "error": None,
    "worker": {"id": "wkr_01JD0000000000000000000000", "device": "cpu", "name": "CPU"},
    "warnings": [],
    "trace_id": None,
    "inputs_gone": 0,
    "params_digest": EXAMPLE_SHA256,
    "reused": False,
    "urls": {
        "self": _URL,
        **{name: f"{_URL}/{name}" for name in ("cancel", "pause", "finish", "fork")},
        **{name: f"{_URL}/{name}" for name in ("events", "frames", "metrics", "logs")},
        **{name: f"{_URL}/{name}" for name in ("manifest", "tree")},
        **dict.fromkeys(("resume", "extend", "retry", "result")),
        "latest_frame": f"{_URL}/frames/latest",
        "thumbnail": f"{_URL}/frames/118/thumb",
        "content": f"/v1/assets/{EXAMPLE_ASSET_ID}/content",
    },
}


class JobObject(ResponseModel):
    """A job."""

    model_config = with_example(EXAMPLE_JOB)

    id: str
    object: Literal["job"] = "job"
    revision: int = Field(description="of state and parameters; for If-Match")
    version: int = Field(description="of all that is shown; it is the ETag")
    kind: JobKind
    state: JobState
    state_reason: str | None = Field(
        description="of queued ones: recovering, backing_off; of canceled and expired "
        "ones that nobody canceled: overdue, paused_too_long"
    )
    name: str | None
    tags: list[str]
    metadata: dict[str, str]
    trace_id: str | None = Field(description="of the traceparent of its submission")
    owner: str
    created_at: datetime
    queued_at: datetime = Field(
        description="since when it has been queued; if it backs off, until when"
    )
    started_at: datetime | None
    finished_at: datetime | None
    start_deadline: datetime | None = Field(
        description="the job expires if it has not started then"
    )
    cancel_after: datetime | None = Field(
        description="the job is canceled if it has not ended then"
    )
    priority: Literal["low", "normal", "high"]
    attempts: int
    max_attempts: int
    fence: int
    parent: Parent | None
    params: DocumentedParams = Field(
        description="of kind style or explore; with defaults"
    )
    segments: list[SegmentObject] = Field(description="changes of parameters, in order")
    current: Changes | None = Field(
        description="parameters that can change, with all segments applied"
    )
    keep_every: int | None
    allowed_actions: list[str] = Field(description="actions that are possible now")
    finish_requested: bool
    completion: Completion | None = Field(description="early: a finish was requested")
    queue: QueuePlace | None = Field(
        description="only while queued, and not in answers that make or change a job"
    )
    progress: Progress | None
    preview: Preview | None
    last_checkpoint: CheckpointMark | None
    checkpoints: list[StoredCheckpoint]
    outputs: list[Output]
    exact: bool | None = Field(description="the same as without any interruption")
    exact_reason: str | None
    error: JobError | None
    worker: JobWorker | None
    warnings: list[JobWarning]
    inputs_gone: int = Field(
        description="inputs that were deleted; if there are any, the job has no fork, "
        "extend or retry"
    )
    params_digest: str | None = Field(description="equal for jobs with the same work")
    reused: bool = Field(
        default=False, description="true: response to a submission that created no job"
    )
    urls: JobUrls


class JobPage(ResponseModel):
    """Page of jobs, newest first."""

    data: list[JobObject]
    next_cursor: str | None
    count: int | None = Field(
        default=None, description="of all pages, with `count=true`; null: not counted"
    )
    count_is_capped: bool | None = Field(
        default=None, description="true: there are this many or more"
    )


class LogLine(ResponseModel):
    """Event of a job, as pages and streams of events show it."""

    model_config = with_example(
        {
            "type": "state",
            "seq": 17,
            "job_id": EXAMPLE_JOB_ID,
            "at": EXAMPLE_TIME,
            "event": "claim",
            "state": "running",
            "from_state": "queued",
        }
    )

    type: Literal["state", "params_changed", "output", "end"]
    seq: int = Field(description="number of the event; for `after` and Last-Event-ID")
    job_id: str
    at: datetime
    event: str | None = Field(
        default=None, description="the requested action, or what the queue did"
    )
    state: JobState | None = Field(default=None, description="after the event")
    from_state: JobState | None = Field(default=None, description="before the event")
    changes: dict[str, Any] | None = Field(
        default=None, description="requested changes"
    )
    from_iteration: int | None = Field(
        default=None, description="the iteration after which requested changes apply"
    )
    outputs: list[Output] | None = Field(
        default=None, description="files that the job has made"
    )


class LogPage(ResponseModel):
    """Page of events, oldest first; members that do not apply are left out."""

    data: list[LogLine]
    next_after: int = Field(
        description="value of `after` for the next page, now or later"
    )


class LoggedEvent(ResponseModel):
    """Event of a job as the log stores it; also the data of `log` in streams."""

    model_config = with_example(
        {
            "job_id": EXAMPLE_JOB_ID,
            "seq": 17,
            "at": EXAMPLE_TIME,
            "event": "claim",
            "from_state": "queued",
            "state": "running",
            "fence": 1,
            "detail": None,
        }
    )

    job_id: str
    seq: int = Field(description="number of the event; for `since`")
    at: datetime
    event: str
    from_state: str | None
    state: str
    fence: int
    detail: dict[str, Any] | None
