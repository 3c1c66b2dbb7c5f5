"""What the API says of itself, as Pydantic models."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True)


class Capabilities(_Said):
    """What this server can do."""

    version: str
    networks: dict[str, list[str]] = Field(description="layers by network")
    optimizers: list[str]
    qualities: list[str]
    formats: list[str] = Field(description="media types of uploads")
    result_formats: dict[str, str] = Field(description="media types of results by name")
    limits: dict[str, int]
    credits: list[dict[str, str]]


class Readiness(_Said):
    """Whether jobs can be taken."""

    status: Literal["ready", "degraded"] = Field(
        description="degraded: they are taken, and start later than they could"
    )
    checks: dict[str, str] = Field(description="ok, down or full, by part")
