"""What the API says of the course of a job, and of the queue, as Pydantic models."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.examples import MANIFEST, QUEUE
from api.schemas import Confidence, WhyWaiting
from shared.states import Completion, JobState, Relation


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True)


class MetricPoint(_Said):
    """The losses after one iteration; null is no number (it diverged)."""

    iteration: int
    scale: int
    total: float | None
    content: float | None
    style: float | None
    tv: float | None


class Metrics(_Said):
    """The losses of a job: of long ones evenly thinned, the latest always there."""

    job_id: str
    data: list[MetricPoint]


class LoggedEvent(_Said):
    """Something that happened to a job, as the log has it, and events named `log`."""

    job_id: str
    seq: int = Field(description="grows; for `since`")
    at: datetime
    event: str
    from_state: str | None
    state: str
    fence: int
    detail: dict[str, Any] | None


class Log(_Said):
    """What happened to a job, in order."""

    data: list[LoggedEvent]
    next_since: int = Field(description="`since` of what comes later")


class Kin(_Said):
    """A job of a family."""

    id: str
    name: str | None
    state: JobState
    parent_id: str | None
    relation: Relation | None
    iteration: int | None = Field(description="of the parent, where it goes on")
    created_at: datetime
    deleted: bool
    url: str


class Family(_Said):
    """A job with all it goes on from and all that goes on from it, eldest first."""

    job_id: str
    data: list[Kin]
    more: bool = Field(description="there are more than are told")


class Wait(_Said):
    """How long a new job would wait."""

    starts_in_s: float | None = Field(description="null: nobody can tell; see reason")
    confidence: Confidence | None
    reason: WhyWaiting = Field(description="why it would not run at once, if it waited")


class Waits(_Said):
    """How long a new job of the caller would wait, by its priority."""

    high: Wait
    normal: Wait
    low: Wait


class Queue(_Said):
    """The queue as a whole, of all owners."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"example": QUEUE})

    queued: int
    running: int
    workers: int = Field(description="seen in the last 30 s")
    draining: int = Field(description="of these, taking no more jobs")
    estimated_wait: Waits = Field(
        description="of a job with default parameters that you would submit now"
    )


class ManifestPicture(_Said):
    """A picture that a job is made from."""

    role: str
    position: int
    sha256: str
    bytes: int
    media_type: str
    width: int
    height: int
    asset_id: str
    url: str | None = Field(description="null: it was deleted")


class ManifestResult(_Said):
    """What came out."""

    sha256: str
    bytes: int | None
    media_type: str
    width: int | None
    height: int | None
    url: str | None = Field(description="null: it is kept no longer")


class Manifest(_Said):
    """All that it takes to make the same picture again."""

    model_config = ConfigDict(json_schema_extra={"example": MANIFEST})

    manifest: Literal[1] = 1
    job_id: str
    kind: str
    state: JobState
    params: dict[str, Any] = Field(description="without ids of pictures")
    params_digest: str | None = Field(
        description="the same for equal work of this version; null: steered, or a child"
    )
    segments: list[dict[str, Any]]
    inputs: dict[str, list[str]] = Field(
        description="SHA-256 by role, in order; of the weights once they are known"
    )
    pictures: list[ManifestPicture]
    iterations: int = Field(description="done, of those that were planned")
    planned: int
    completion: Completion | None
    exact: bool | None
    exact_reason: str | None = Field(description="why it is not exact")
    made_with: dict[str, str] | None = Field(
        description="device, threads, versions; null until it has succeeded"
    )
    result: ManifestResult | None
    outputs: dict[str, str] = Field(description="SHA-256 by name, where there are some")
    parent: dict[str, Any] | None
