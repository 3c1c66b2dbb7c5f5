"""Pydantic models of jobs and of the event log in responses."""

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

    position: int = Field(
        description="place in the order in which jobs are claimed; 1 is the next"
    )
    ahead: int = Field(description="number of jobs before this one")
    starts_in_s: float | None = Field(
        description="seconds until the expected start; null: unknown, see reason"
    )
    starts_at: datetime | None
    finishes_at: datetime | None
    reason: WhyWaiting = Field(
        description="why the job waits; quota: its owner has the maximum number of "
        "running jobs; queue_paused: every worker that could run the job is draining"
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
    eta_at: datetime | None = Field(description="expected end")
    eta_low_s: float | None = Field(
        description="lower bound of eta_s, right in 9 of 10 cases"
    )
    eta_high_s: float | None = Field(
        description="upper bound of eta_s, right in 9 of 10 cases"
    )
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
    at: datetime | None = Field(description="null: the checkpoint is no longer stored")


class StoredCheckpoint(ResponseModel):
    """Checkpoint from which a job can be forked."""

    iteration: int
    kept: bool = Field(
        description="true: keep_every keeps it; false: deleted when newer ones are "
        "stored"
    )
    bytes: int
    created_at: datetime
    promote_url: str | None = Field(
        description="POST creates a job that renders this iteration in full size"
    )


class Parent(ResponseModel):
    """Job that this job continues."""

    job_id: str
    iteration: int
    relation: Relation


class Output(ResponseModel):
    """Result of a job, or another file that it has produced."""

    name: str
    url: str
    media_type: str
    width: int | None
    height: int | None
    bytes: int | None
    sha256: str | None


class JobError(ResponseModel):
    """Error of a job, or of its last attempt."""

    code: str = Field(
        description="code from docs/errors.md; later versions may add codes"
    )
    message: str
    hint: str
    retryable: bool
    iteration: int | None = Field(
        description="last reported iteration; null: another attempt has begun"
    )
    attempt: int | None = Field(
        description="number of the failed attempt; null: another attempt has begun"
    )


class JobWorker(ResponseModel):
    """Worker that computes the job now, or computed it last."""

    id: str
    device: str | None
    name: str | None


class JobWarning(ResponseModel):
    """Warning about a job, for its owner."""

    code: str = Field(
        description="made-smaller, computed-in-tiles, profile-not-used, "
        "recipe-left-out, checkpoint-skipped or result-not-stored-yet; later versions "
        "may add codes"
    )
    message: str


class JobUrls(ResponseModel):
    """URLs of a job. Clients follow them instead of building URLs."""

    self: str
    events: str
    cancel: str | None = Field(description="null, as for all actions: not allowed now")
    pause: str | None
    resume: str | None
    finish: str | None
    extend: str | None
    fork: str | None
    retry: str | None
    result: str | None = Field(description="null: there is no result now")
    latest_frame: str | None = Field(description="null: there is no preview now")
    thumbnail: str | None = Field(
        description="thumbnail of the result, or of the latest preview; null: there is "
        "neither now"
    )
    frames: str
    metrics: str
    logs: str
    manifest: str
    tree: str
    content: str | None = Field(
        description="the photo; null: it was deleted, or the job has none"
    )


class StyleParamsOfJob(StyleParams):
    """Parameters of a style job."""

    model_config = ConfigDict(
        json_schema_extra={"title": "StyleParamsOfJob", "required": ["styles"]}
    )


class ExploreParamsOfJob(ExploreParams):
    """Parameters of an exploration."""

    model_config = ConfigDict(
        json_schema_extra={"title": "ExploreParamsOfJob", "required": ["layers"]}
    )


# The required member differs by kind, so that generated clients can choose a class.
DocumentedParams = Annotated[
    dict[str, Any], DocumentedAs(StyleParamsOfJob | ExploreParamsOfJob)
]


class SegmentObject(ResponseModel):
    """Change of parameters during a run."""

    from_iteration: int | None = Field(
        description="iteration, counted over all scales, after which the change "
        "applies; null: after the next one"
    )
    changes: dict[str, Any] = Field(description="changed parameters only")


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
    """Job, with its state, progress, files and URLs."""

    model_config = with_example(EXAMPLE_JOB)

    id: str
    object: Literal["job"] = "job"
    revision: int = Field(
        description="grows with each change of state or parameters; for If-Match"
    )
    version: int = Field(
        description="grows with each change of this object; it is the ETag"
    )
    kind: JobKind
    state: JobState
    state_reason: str | None = Field(
        description="reason of the state, if there is one. Queued: recovering or "
        "backing_off. Canceled or expired without a request: overdue or paused_too_long"
    )
    name: str | None
    tags: list[str]
    metadata: dict[str, str]
    trace_id: str | None = Field(
        description="trace id in the traceparent header of the submission"
    )
    owner: str
    created_at: datetime
    queued_at: datetime = Field(
        description="when the job was queued; if it backs off, when it can be claimed "
        "again"
    )
    started_at: datetime | None
    finished_at: datetime | None
    start_deadline: datetime | None = Field(
        description="the job expires if it has not started by then"
    )
    cancel_after: datetime | None = Field(
        description="the job is canceled if it has not ended by then"
    )
    priority: Literal["low", "normal", "high"]
    attempts: int
    max_attempts: int
    fence: int
    parent: Parent | None
    params: DocumentedParams = Field(
        description="parameters of the kind style or explore, with defaults"
    )
    segments: list[SegmentObject] = Field(description="changes of parameters, in order")
    current: Changes | None = Field(
        description="parameters that can change, with all segments applied"
    )
    keep_every: int | None
    allowed_actions: list[str] = Field(description="actions that are possible now")
    finish_requested: bool
    completion: Completion | None = Field(
        description="early: the job ended early because a finish was requested"
    )
    queue: QueuePlace | None = Field(
        description="place in the queue; null if the job is not queued, and in "
        "responses that create or change a job"
    )
    progress: Progress | None
    preview: Preview | None
    last_checkpoint: CheckpointMark | None
    checkpoints: list[StoredCheckpoint]
    outputs: list[Output]
    exact: bool | None = Field(description="true: same bits as without an interruption")
    exact_reason: str | None
    error: JobError | None
    worker: JobWorker | None
    warnings: list[JobWarning]
    inputs_gone: int = Field(
        description="number of deleted inputs; if there are any, fork, extend and "
        "retry are not possible"
    )
    params_digest: str | None = Field(
        description="equal for jobs that compute the same picture"
    )
    reused: bool = Field(
        default=False, description="true: response to a submission that created no job"
    )
    urls: JobUrls


class JobPage(ResponseModel):
    """Page of jobs, newest first."""

    data: list[JobObject]
    next_cursor: str | None
    count: int | None = Field(
        default=None,
        description="number of jobs of all pages, with `count=true`; null: not counted",
    )
    count_is_capped: bool | None = Field(
        default=None, description="true: there are at least `count` jobs"
    )


class LogLine(ResponseModel):
    """Event of a job in pages and streams of events."""

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
        default=None, description="requested action, or event of the queue"
    )
    state: JobState | None = Field(default=None, description="state after the event")
    from_state: JobState | None = Field(
        default=None, description="state before the event"
    )
    changes: dict[str, Any] | None = Field(
        default=None, description="requested changes of parameters"
    )
    from_iteration: int | None = Field(
        default=None, description="iteration after which requested changes apply"
    )
    outputs: list[Output] | None = Field(
        default=None, description="files that the job has produced"
    )


class LogPage(ResponseModel):
    """Page of events, oldest first, without members that do not apply."""

    data: list[LogLine]
    next_after: int = Field(description="value of `after` for the next page")


class LoggedEvent(ResponseModel):
    """Event of a job as stored in the log; also the data of `log` in streams."""

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
