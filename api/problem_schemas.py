"""What the API says of a failed request, as Pydantic models."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.examples import PROBLEM


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True)


class FieldProblem(_Said):
    """One wrong value."""

    pointer: str = Field(description="JSON pointer into the request")
    code: str
    detail: str


class Problem(_Said):
    """Why a request failed: RFC 9457, with additions."""

    model_config = ConfigDict(json_schema_extra={"example": PROBLEM})

    type: str = Field(description="address of a page that explains this kind")
    title: str
    status: int
    detail: str
    instance: str
    code: str = Field(description="stable name of this kind of problem")
    request_id: str
    retryable: bool = Field(description="the same request may succeed later")
    hint: str = Field(default="", description="what to do about it")
    errors: list[FieldProblem] = Field(
        default=[], description="every wrong value of the request"
    )
    state: str | None = Field(default=None, description="of the job, if that is why")
    allowed_actions: list[str] | None = Field(
        default=None, description="what would work in this state"
    )
    checkpoints: list[int] | None = Field(
        default=None, description="iterations that the job can be forked from"
    )
    scope: str | None = Field(
        default=None, description="what the key would need, if that is why"
    )
    jobs: list[str] | None = Field(
        default=None, description="ids of jobs that need the picture"
    )
    cap: Literal["owner", "server"] | None = Field(
        default=None, description="which one is reached, of streams and held requests"
    )
    most: int | None = Field(default=None, description="that it allows")
