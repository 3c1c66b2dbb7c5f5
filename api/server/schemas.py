"""What the API says of itself, as Pydantic models."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from api.http.schemas import ResponseModel
from shared.params.networks import NETWORK_CHOICES


class DeviceKind(ResponseModel):
    """Live workers that are alike."""

    device: str = Field(description="cpu, cuda or mps")
    name: str
    memory_bytes: int
    workers: int = Field(description="seen in the last 30 s")
    versions: dict[str, str] = Field(description="of Impasto, torch and what they need")


class ServerUrls(ResponseModel):
    """Where everything begins."""

    self: str
    jobs: str
    assets: str
    estimates: str = Field(description="POST")
    explorations: str = Field(description="POST")
    events: str
    queue: str
    capabilities: str
    me: str
    keys: str
    openapi: str
    docs: str
    problems: str


class Entry(ResponseModel):
    """The way in: follow these addresses, and those in what they answer."""

    object: Literal["api"] = "api"
    version: str
    urls: ServerUrls


class Capabilities(ResponseModel):
    """What this server can do."""

    version: str
    networks: dict[str, list[str]] = Field(
        description=f"layers by network. {NETWORK_CHOICES}"
    )
    optimizers: list[str]
    qualities: list[str]
    formats: list[str] = Field(description="media types of uploads")
    result_formats: dict[str, str] = Field(description="media types of results by name")
    devices: list[DeviceKind] = Field(description="of live workers")
    limits: dict[str, int]
    credits: list[dict[str, str]]


class Readiness(ResponseModel):
    """Whether jobs can be taken."""

    status: Literal["ready", "degraded"] = Field(
        description="degraded: they are taken, and start later than they could"
    )
    checks: dict[str, str] = Field(description="ok, down, full or off, by part")
