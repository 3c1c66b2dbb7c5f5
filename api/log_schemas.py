"""What the API says of the log of jobs, as Pydantic models."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas import Output
from shared.states import JobState


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True)


class LogLine(_Said):
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


class LogPage(_Said):
    """Lines of the log, oldest first; what does not apply to one is left out."""

    data: list[LogLine]
    next_after: int = Field(description="`after` of what comes next, now or later")
