"""What the server says, read with tolerance: a newer server must not break a client.

Unknown fields are kept, unknown states are plain text, and a missing field is None.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_ENDS = frozenset({"succeeded", "failed", "canceled"})


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")


class Scale(_Answer):
    """The size the optimization is at: the `index`th of `count`, from 0."""

    index: int = 0
    count: int = 1
    width: int | None = None
    height: int | None = None


class Progress(_Answer):
    """How far a running job is."""

    fraction: float = 0.0
    phase: str | None = None
    scale: Scale | None = None
    iteration: int | None = None
    iterations: int | None = None
    it_per_s: float | None = None
    elapsed_s: float | None = None
    eta_s: float | None = None
    losses: dict[str, float | None] | None = None


class Queue(_Answer):
    """Where a queued job stands, and why it waits."""

    position: int | None = None
    ahead: int | None = None
    reason: str | None = None


class Output(_Answer):
    """One finished picture."""

    url: str
    media_type: str | None = None
    width: int | None = None
    height: int | None = None
    bytes: int | None = None
    sha256: str | None = None


class JobError(_Answer):
    """Why a job failed."""

    code: str = "unknown"
    message: str = ""
    hint: str | None = None
    retryable: bool | None = None


class Worker(_Answer):
    """Who has the job."""

    id: str | None = None
    device: str | None = None
    name: str | None = None


class Job(_Answer):
    """One job, as the server last told it."""

    id: str
    state: str
    state_reason: str | None = None
    revision: int | None = None
    name: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    attempts: int | None = None
    max_attempts: int | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    queue: Queue | None = None
    progress: Progress | None = None
    outputs: list[Output] = Field(default_factory=list)
    exact: bool | None = None
    exact_reason: str | None = None
    error: JobError | None = None
    worker: Worker | None = None
    warnings: list[Any] = Field(default_factory=list)
    urls: dict[str, str | None] = Field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it, also in a state yet unheard of."""
        return self.state in _ENDS or self.finished_at is not None


class JobPage(_Answer):
    """Some jobs, newest first, and the cursor of those after them."""

    data: list[Job] = Field(default_factory=list)
    next_cursor: str | None = None
