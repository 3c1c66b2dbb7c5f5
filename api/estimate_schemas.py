"""What the API says of jobs that do not exist yet."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.examples import JOB
from api.schemas import JobUrls, QueuePlace
from shared.states import JobState

_EXAMPLE: dict[str, Any] = {
    "object": "estimate",
    "width": 512,
    "height": 341,
    "iterations": 210,
    "megapixel_iterations": 12.5,
    "need_mb": 1120,
    "fits": True,
    "largest_max_edge": None,
    "workers": [
        {
            "device": "cpu",
            "setup": "cpu, AMD EPYC, bf16, 1 threads, direct",
            "count": 2,
            "device_mb": 8192,
            "fits": True,
            "peak_mb": 1190,
            "seconds": 71.0,
            "low_s": 60.0,
            "high_s": 84.0,
            "confidence": "high",
        }
    ],
    "queue": {
        "position": 4,
        "ahead": 3,
        "starts_in_s": 180.0,
        "starts_at": "2026-11-24T10:03:00Z",
        "finishes_at": "2026-11-24T10:04:11Z",
        "confidence": "medium",
        "reason": "waiting_for_worker",
    },
    "equal_job": {"id": JOB["id"], "state": JOB["state"], "urls": JOB["urls"]},
}


class WorkerEstimate(BaseModel):
    """What a job would take on one kind of live workers."""

    model_config = ConfigDict(frozen=True)

    device: str = Field(description="cpu, cuda or mps")
    setup: str = Field(description="all that the pace depends on")
    count: int = Field(description="live workers of this kind")
    device_mb: int = Field(description="memory of one of them")
    fits: bool = Field(description="whether its memory suffices, in tiles if need be")
    peak_mb: int | None = Field(description="memory taken there; null: it does not fit")
    seconds: float | None = Field(description="null: nothing was measured there yet")
    low_s: float | None = Field(description="nine times of ten, it is between this")
    high_s: float | None = Field(description="and this")
    confidence: Literal["low", "medium", "high"] | None


class EqualJob(BaseModel):
    """A job of the caller that did, or does, the same work."""

    model_config = ConfigDict(frozen=True)

    id: str
    state: JobState
    urls: JobUrls


class Estimate(BaseModel):
    """How long a job would take, what it would need, and when it would run."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"example": _EXAMPLE})

    object: Literal["estimate"] = "estimate"
    width: int = Field(description="of the result, px")
    height: int
    iterations: int
    megapixel_iterations: float = Field(description="the work, over all scales")
    need_mb: int = Field(description="memory that a device must have, whatever it does")
    fits: bool = Field(description="whether a live worker can take it")
    largest_max_edge: int | None = Field(
        description="the largest that fits a live worker; null: this one does, or none"
    )
    workers: list[WorkerEstimate]
    queue: QueuePlace = Field(description="where it would stand, and when it would run")
    equal_job: EqualJob | None = Field(
        description="what `reuse: finished_or_active` would answer instead of a new job"
    )
