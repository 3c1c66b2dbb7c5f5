"""Settings of the deployment, read once from the environment."""

from __future__ import annotations

import os
import re
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote, urlsplit

from platformdirs import user_cache_path, user_data_path
from pydantic import (
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_MIB = 2**20
_MAX_PORT = 65535
_HOST_AND_PORT = r"(\[[^]/?#]+\]|[^:/?#@]*)(:(?P<port>\d*))?"
_URL_FORMS = {
    # SQLAlchemy allows a password with slashes, redis-py does not.
    "database_url": r"sqlite(\+pysqlite)?:///[^?].*|"
    rf"postgresql(\+psycopg)?://([^:/]*(:[^@]*)?@)?{_HOST_AND_PORT}([/?].*)?",
    "redis_url": rf"rediss?://([^/?#]*@)?{_HOST_AND_PORT}(/\d*)?(\?.*)?|"
    r"unix:///[^?]+(\?db=\d+(&password=[^&]*)?)?",
    "storage_url": "file:///.+",
}

# Threads and times in the database take values of this size.
Seconds = Annotated[float, Field(gt=0, le=1_000_000_000, allow_inf_nan=False)]
Days = Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]


def _database_under(data: dict[str, Any]) -> str:
    return f"sqlite:///{quote(str(data['home']))}/impasto.sqlite"


def _blobs_under(data: dict[str, Any]) -> str:
    return f"file://{quote(str(data['home']))}/blobs"


def _secret_under(data: dict[str, Any]) -> Path:
    return Path(data["home"]) / "secret"


class Settings(BaseSettings):
    """Settings of the deployment; `IMPASTO_DATABASE_URL` sets `database_url`, etc."""

    model_config = SettingsConfigDict(
        env_prefix="IMPASTO_", env_ignore_empty=True, frozen=True
    )

    home: Path = Field(
        default_factory=lambda: user_data_path("impasto"),
        description="data folder of this host",
    )
    database_url: str = Field(
        default_factory=_database_under,
        description="`sqlite:///PATH` or `postgresql+psycopg://...`",
    )
    redis_url: str = Field(
        default="redis://127.0.0.1:6379/0",
        description="`redis://[:PASSWORD@]HOST:PORT/DB` (`/` in a password as `%2F`) "
        "or `unix:///SOCKET?db=0`",
    )
    storage_url: str = Field(
        default_factory=_blobs_under,
        description="folder of all blobs: `file:///FOLDER`",
    )
    weights_dir: Path = Field(
        default_factory=lambda: user_cache_path("impasto") / "weights",
        description="folder of the networks' weights",
    )
    secret_file: Path = Field(
        default_factory=_secret_under,
        description="file with the key that signs page cursors and cookies; created "
        "with mode 0600 if missing",
    )

    auth: Literal["none", "keys"] = Field(
        default="none",
        description="`none`: no keys, only this machine is served; `keys`: every "
        "request needs a key",
    )
    origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default_factory=tuple,
        description="origins of web pages that may use the API (CORS), each with a "
        "key: `https://HOST:PORT`, separated by commas; needs `IMPASTO_AUTH=keys`",
    )
    host: str = Field(default="127.0.0.1", description="address the API binds to")
    port: int = Field(default=8470, ge=0, le=65535, description="port of the API")
    metrics_port: int = Field(
        default=0,
        ge=0,
        le=65000,
        description="port of a worker's `/metrics`, on `IMPASTO_HOST`; each further "
        "worker of `--devices` uses the next port; 0: no metrics",
    )
    api_threads: int = Field(
        default=64,
        ge=2,
        le=10_000,
        description="requests at once, besides streams and long polls",
    )
    max_streams: int = Field(
        default=256,
        ge=1,
        le=10_000,
        description="streams and long polls at once, a thread each",
    )
    max_streams_per_owner: int = Field(
        default=32, ge=1, le=10_000, description="the same, per owner; with keys only"
    )
    stream_seconds: Seconds = Field(
        default=600, description="age at which a stream asks for a reconnect"
    )
    stream_heartbeat_seconds: Seconds = Field(
        default=15, description="time after which a silent stream sends a comment"
    )

    submits_per_minute: int = Field(
        default=60,
        ge=0,
        le=1_000_000,
        description="requests that create something, per key; 0: no limit",
    )
    requests_per_minute: int = Field(
        default=1_200,
        ge=0,
        le=1_000_000,
        description="all other requests per key; 0: no limit",
    )

    max_upload_bytes: int = Field(
        default=32 * _MIB, ge=1, le=2**40, description="size of an uploaded picture"
    )
    max_pixels: int = Field(
        default=64 * 2**20,
        ge=1,
        le=2**40,
        description="pixels of an uploaded picture: 8192 x 6144 fits",
    )
    max_decodes: int = Field(
        default=2, ge=1, le=1_000, description="pictures decoded at once"
    )
    max_queued_per_owner: int = Field(
        default=1_000, ge=1, le=1_000_000, description="waiting jobs of an owner"
    )
    max_queued: int = Field(
        default=100_000, ge=1, le=1_000_000_000, description="waiting jobs in all"
    )
    min_free_bytes: int = Field(
        default=256 * _MIB,
        ge=0,
        le=2**62,
        description="free storage that a new job needs",
    )

    max_attempts: int = Field(
        default=4, ge=1, le=100, description="attempts of a failing job"
    )
    retry_seconds: Seconds = Field(
        default=10,
        description="pause before attempt 2; times 4 for each later one",
    )
    lease_seconds: Seconds = Field(
        default=30, description="time without heartbeat until a job is rescued"
    )
    heartbeat_seconds: Seconds = Field(
        default=2, description="time between heartbeats of a running job"
    )
    stall_seconds: Seconds = Field(
        default=120, description="time without progress until heartbeats end"
    )
    watchdog_seconds: Seconds = Field(
        default=60,
        description="time until a worker that ignores due jobs is replaced",
    )
    unschedulable_after_seconds: Seconds = Field(
        default=60,
        description="time until a job that no known device can run fails",
    )
    rescue_seconds: Seconds = Field(
        default=5, description="time between two rounds of the maintenance"
    )
    renotify_seconds: Seconds = Field(
        default=10, description="time until workers are notified of a job again"
    )
    checkpoint_seconds: Seconds = Field(
        default=30,
        description="time between two checkpoints, or 200 times the last write if "
        "longer",
    )
    preview_seconds: Seconds = Field(
        default=2,
        description="time between two previews, or 200 times the last write if longer",
    )
    save_retry_seconds: Seconds = Field(
        default=5, description="time between attempts to store a result"
    )
    save_timeout_seconds: Seconds = Field(
        default=600,
        description="time until a job with an unstored result is requeued",
    )
    paused_days: Days = Field(default=30, description="time until a paused job expires")
    checkpoint_days: Days = Field(
        default=7, description="time that checkpoints are kept after a job's end"
    )
    result_days: Days = Field(
        default=30, description="the same for results and previews"
    )
    tombstone_days: Days = Field(
        default=365, description="the same for a job's row and events"
    )
    kept_checkpoint_bytes: int = Field(
        default=1024 * _MIB,
        ge=0,
        le=2**62,
        description="size of a job's checkpoints for forks",
    )
    orphan_hours: float = Field(
        default=24,
        ge=1,
        le=1_000_000,
        allow_inf_nan=False,
        description="age at which blobs without a row are deleted; no upload may "
        "last longer",
    )
    worker_threads: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="CPU threads per worker; default: its share",
    )
    cpu_convolution: Literal["direct", "winograd"] = Field(
        default="direct",
        description="`winograd` needs fewer multiplications and rounds differently",
    )
    cpu_precision: Literal["auto", "float32", "bf16"] = Field(
        default="auto",
        description="precision of activations on the CPU; `auto`: bf16 if the CPU is "
        "faster with it; sums are float32",
    )
    cuda_precision: Literal["float32", "bf16"] = Field(
        default="float32",
        description="precision of activations on CUDA; sums are float32",
    )
    cuda_graphs: bool = Field(
        default=False, description="use CUDA graphs: record and replay an evaluation"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="lowest severity of logged events"
    )

    @field_validator("home")
    @classmethod
    def _home_is_absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @field_validator(*_URL_FORMS)
    @classmethod
    def _has_form(cls, url: str, info: ValidationInfo) -> str:
        name = str(info.field_name)
        match = re.fullmatch(_URL_FORMS[name], url)
        if match is None or int(match.groupdict().get("port") or 0) > _MAX_PORT:
            raise ValueError(f"expected {cls.model_fields[name].description}")
        return url

    @field_validator("origins", mode="before")
    @classmethod
    def _split_origins(cls, origins: object) -> object:
        if isinstance(origins, str):
            return [origin.strip() for origin in origins.split(",") if origin.strip()]
        return origins

    @field_validator("origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            parts = urlsplit(origin)
            # Browsers send it in lower case, without a path.
            written = f"{parts.scheme}://{parts.netloc.lower()}"
            if parts.scheme not in {"http", "https"} or origin != written:
                raise ValueError(
                    f"{origin!r} is no origin, such as https://app.example"
                )
            if "*" in origin or "@" in origin or not parts.hostname:
                raise ValueError(f"{origin!r} does not name one host")
            if parts.port == {"http": 80, "https": 443}[parts.scheme]:
                raise ValueError(f"{origin!r}: browsers leave the default port out")
        return origins

    @model_validator(mode="after")
    def _origins_need_keys(self) -> Self:
        if self.origins and self.auth == "none":
            raise ValueError(
                "origins: pages of other sites need a key: set IMPASTO_AUTH=keys"
            )
        return self

    @model_validator(mode="after")
    def _winograd_is_float32(self) -> Self:
        if self.cpu_convolution == "winograd" and self.cpu_precision == "bf16":
            raise ValueError(
                "cpu_convolution winograd computes in float32; set cpu_precision to "
                "float32 or auto, or cpu_convolution to direct"
            )
        return self

    @model_validator(mode="after")
    def _lease_outlives_heartbeats(self) -> Self:
        if self.lease_seconds < 3 * self.heartbeat_seconds:
            raise ValueError(
                f"lease_seconds ({self.lease_seconds}) must be at least three times "
                f"heartbeat_seconds ({self.heartbeat_seconds})"
            )
        return self

    @model_validator(mode="after")
    def _keys_beyond_loopback(self) -> Self:
        if self.auth == "none" and not is_loopback(self.host):
            raise ValueError(
                f"host {self.host!r} is not loopback: set IMPASTO_AUTH=keys to serve "
                "other machines, or IMPASTO_HOST=127.0.0.1"
            )
        return self


def settings_or_exit() -> Settings:
    """Read the settings at the start of a process, or exit with 2 and a message.

    The function sets the umask, so that other users cannot read new files and folders.

    Raises:
        SystemExit: The value of a variable cannot be used.
    """
    os.umask(0o077)
    try:
        return Settings()
    except ValidationError as error:
        sys.stderr.writelines(f"settings: {line}\n" for line in _complaints(error))
        raise SystemExit(2) from None


def warn_if_home_is_open(home: Path) -> None:
    """Warn on standard error if other users can read the data folder.

    Its mode is not changed, since a process of another user may belong to the same
    farm.
    """
    if home.exists() and home.stat().st_mode & 0o077:
        sys.stderr.write(
            f"settings: IMPASTO_HOME: other users of this machine can read {home}"
            f"; unless the farm's processes run as several: chmod -R go= {home}\n"
        )


def _complaints(error: ValidationError) -> list[str]:
    return [
        "".join(f"IMPASTO_{str(name).upper()}: " for name in item["loc"])
        + item["msg"].removeprefix("Value error, ")
        for item in error.errors()
        if item["type"] != "default_factory_not_called"  # because of another error
    ]


def is_loopback(host: str) -> bool:
    """Return whether `host` is an address of this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
