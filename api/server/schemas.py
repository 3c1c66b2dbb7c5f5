"""Pydantic models of the resources about the server."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from api.http.schemas import ResponseModel, with_example
from shared.params.networks import NETWORK_CHOICES


class DeviceKind(ResponseModel):
    """Live workers with the same device and versions."""

    device: str = Field(description="cpu, cuda or mps")
    name: str
    memory_bytes: int
    workers: int = Field(description="workers with a heartbeat in the last 30 s")
    versions: dict[str, str] = Field(
        description="versions of Impasto, torch and their dependencies"
    )


class ServerUrls(ResponseModel):
    """URLs of the resources of the server."""

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


SERVER_URLS = ServerUrls(
    self="/v1",
    jobs="/v1/jobs",
    assets="/v1/assets",
    estimates="/v1/estimates",
    explorations="/v1/explorations",
    events="/v1/events",
    queue="/v1/queue",
    capabilities="/v1/capabilities",
    me="/v1/me",
    keys="/v1/keys",
    openapi="/openapi.json",
    docs="/docs",
    problems="/problems/",
)


class Entry(ResponseModel):
    """Entry of the API, with the URLs from which a client reaches all resources."""

    model_config = with_example(
        {"object": "api", "version": "0.1.0", "urls": SERVER_URLS.model_dump()}
    )

    object: Literal["api"] = "api"
    version: str
    urls: ServerUrls


class Capabilities(ResponseModel):
    """Capabilities of this server."""

    model_config = with_example(
        {
            "version": "0.1.0",
            "networks": {"vgg16": ["relu1_1", "relu1_2", "relu2_1"]},
            "optimizers": ["lbfgs", "adam", "gd"],
            "qualities": ["draft", "standard", "fine"],
            "formats": ["image/jpeg", "image/png", "image/tiff", "image/webp"],
            "result_formats": {"png": "image/png", "jpeg": "image/jpeg"},
            "devices": [
                {
                    "device": "cuda",
                    "name": "NVIDIA L4",
                    "memory_bytes": 23_034_068_992,
                    "workers": 2,
                    "versions": {"impasto": "0.1.0", "torch": "2.13.0"},
                }
            ],
            "limits": {"max_upload_bytes": 33_554_432, "max_json_bytes": 262_144},
            "credits": [{"what": "Impasto", "license": "Apache-2.0"}],
        }
    )

    version: str
    networks: dict[str, list[str]] = Field(
        description=f"layers by network. {NETWORK_CHOICES}"
    )
    optimizers: list[str]
    qualities: list[str]
    formats: list[str] = Field(description="media types of uploads")
    result_formats: dict[str, str] = Field(description="media types of results by name")
    devices: list[DeviceKind] = Field(description="devices of live workers")
    limits: dict[str, int]
    credits: list[dict[str, str]]


class Readiness(ResponseModel):
    """Readiness of the server for new jobs."""

    model_config = with_example(
        {
            "status": "ready",
            "checks": {"database": "ok", "redis": "ok", "storage": "ok", "clock": "ok"},
        }
    )

    status: Literal["ready", "degraded"] = Field(
        description="degraded: jobs are accepted, but may start later than usual"
    )
    checks: dict[str, str] = Field(description="ok, down, full or off, by component")
