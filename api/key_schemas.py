"""What the API says about callers and their keys, as Pydantic models."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.columns import MAX_NAME
from shared.jobs import Scope

if TYPE_CHECKING:
    from pydantic.config import JsonDict

_YEAR_SECONDS = 366 * 86400
_MOST = 1_000_000
_ID = r"^own_[A-Za-z0-9]{1,32}$"
_KEY: JsonDict = {
    "id": "key_01KAV3M0S8QK7RF4T6G2ZV9B1D",
    "object": "key",
    "name": "nightly",
    "owner": "own_01KAV3KZ5N2M8C1X7D4E6F9G3H",
    "scopes": ["read", "write"],
    "submits_per_minute": None,
    "requests_per_minute": None,
    "created_at": "2026-11-24T10:00:00Z",
    "expires_at": "2026-12-24T10:00:00Z",
    "last_used_at": None,
    "urls": {"self": "/v1/keys/key_01KAV3M0S8QK7RF4T6G2ZV9B1D"},
}
_STREAM_TOKEN: JsonDict = {
    "object": "stream_token",
    "token": "imp_stream_used-once",
    "expires_at": "2026-11-24T10:01:00Z",
    "urls": {"events": "/v1/events?stream_token=imp_stream_used-once"},
}
_ME: JsonDict = {
    "object": "me",
    "auth": "keys",
    "owner": "own_01KAV3KZ5N2M8C1X7D4E6F9G3H",
    "key_id": "key_01KAV3M0S8QK7RF4T6G2ZV9B1D",
    "scopes": ["read", "write"],
    "requests_per_minute": {"submit": 60, "default": 1200},
    "max_queued": 1000,
    "max_running": None,
    "max_streams": 32,
    "queued": 2,
    "running": 1,
}


class Me(BaseModel):
    """Who is asking."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [_ME]})

    object: Literal["me"] = "me"
    auth: Literal["none", "keys"]
    owner: str
    key_id: str | None = Field(description="null where no keys are asked for")
    scopes: list[str]
    requests_per_minute: dict[str, int] | None = Field(
        description="by budget, `submit` and `default`; 0: no limit; null: not counted"
    )
    max_queued: int
    max_running: int | None = Field(description="null: no limit")
    max_streams: int = Field(
        description="streams and held requests of the owner, in each server process"
    )
    queued: int = Field(description="jobs of the owner")
    running: int


class KeyUrls(BaseModel):
    """Addresses to follow instead of building them."""

    model_config = ConfigDict(frozen=True)

    self: str = Field(description="DELETE revokes the key")


class KeyObject(BaseModel):
    """A key, without its secret."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [_KEY]})

    id: str
    object: Literal["key"] = "key"
    name: str
    owner: str
    scopes: list[str]
    submits_per_minute: int | None = Field(description="null: as the settings say")
    requests_per_minute: int | None
    created_at: datetime
    expires_at: datetime | None = Field(description="null: never")
    last_used_at: datetime | None = Field(description="to about a minute")
    urls: KeyUrls


class NewKeyObject(KeyObject):
    """A key that has just been made."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={"examples": [{**_KEY, "secret": "imp_shown-this-once"}]},
    )

    secret: str = Field(description="what is sent as Bearer token; shown this once")


class StreamTokenUrls(BaseModel):
    """Addresses to follow instead of building them."""

    model_config = ConfigDict(frozen=True)

    events: str = Field(description="of the stream that tells of all jobs")


class StreamTokenObject(BaseModel):
    """What opens one stream, once."""

    model_config = ConfigDict(
        frozen=True, json_schema_extra={"examples": [_STREAM_TOKEN]}
    )

    object: Literal["stream_token"] = "stream_token"
    token: str = Field(description="shown this once; `?stream_token=` takes it")
    expires_at: datetime = Field(description="it opens nothing from then on")
    urls: StreamTokenUrls


class KeyPage(BaseModel):
    """Keys, newest first."""

    model_config = ConfigDict(frozen=True)

    data: list[KeyObject]
    next_cursor: str | None


class KeyBody(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"name": "nightly", "scopes": ["read"], "expires_in": 2_592_000}
            ]
        },
    )

    name: str = Field(default="", max_length=MAX_NAME, description="for people")
    scopes: frozenset[Scope] = Field(
        default=frozenset({Scope.READ, Scope.WRITE}),
        min_length=1,
        description="read, write, keys, admin; at most what the asking key may do",
        json_schema_extra={"uniqueItems": False},  # one told twice does no harm
    )
    expires_in: int | None = Field(
        default=None, ge=1, le=10 * _YEAR_SECONDS, description="seconds; null: never"
    )
    owner: str | None = Field(
        default=None,
        pattern=_ID,
        description="whose, for admins; default: a new owner. Others: the own one",
    )
    submits_per_minute: int | None = Field(
        default=None,
        ge=0,
        le=_MOST,
        description="for admins; null: as the settings say",
    )
    requests_per_minute: int | None = Field(
        default=None, ge=0, le=_MOST, description="for admins; the same"
    )
    max_queued: int | None = Field(
        default=None, ge=0, le=_MOST, description="for admins: jobs its owner may queue"
    )
    max_running: int | None = Field(
        default=None, ge=0, le=_MOST, description="for admins: and have running"
    )
