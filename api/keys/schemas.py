"""Pydantic models of callers and keys, and the check of POST /v1/keys."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.auth.authenticate import Caller, require_scope
from api.http.json_body import collect_body_errors, read_json_object
from api.http.schemas import with_example
from shared.auth.api_keys import (
    MAX_KEY_DAYS,
    MAX_QUOTA,
    OWNER_ID_PATTERN,
    NewKey,
    Scope,
)
from shared.errors import FieldError, ForbiddenScope, InvalidParams, MalformedJson
from shared.names import Name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Request
    from pydantic.config import JsonDict

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
    """Owner, key and limits of the caller."""

    model_config = with_example(_ME)

    object: Literal["me"] = "me"
    auth: Literal["none", "keys"]
    owner: str
    key_id: str | None = Field(description="null if the server requires no keys")
    scopes: list[str]
    requests_per_minute: dict[str, int] | None = Field(
        description="limits by budget, `submit` and `default`; 0: no limit; null: not "
        "counted"
    )
    max_queued: int
    max_running: int | None = Field(description="null: no limit")
    max_streams: int = Field(
        description="limit of streams and long polls of the owner, in each server "
        "process"
    )
    queued: int = Field(description="queued jobs of the owner")
    running: int


class KeyUrls(BaseModel):
    """URLs of a key. Clients follow them instead of building URLs."""

    model_config = ConfigDict(frozen=True)

    self: str = Field(description="DELETE revokes the key")


class KeyObject(BaseModel):
    """API key without its secret."""

    model_config = with_example(_KEY)

    id: str
    object: Literal["key"] = "key"
    name: str
    owner: str
    scopes: list[str]
    submits_per_minute: int | None = Field(description="null: limit from the settings")
    requests_per_minute: int | None
    created_at: datetime
    expires_at: datetime | None = Field(description="null: never")
    last_used_at: datetime | None = Field(description="accurate to about a minute")
    urls: KeyUrls


class NewKeyObject(KeyObject):
    """New API key with its secret."""

    model_config = with_example({**_KEY, "secret": "imp_shown-this-once"})

    secret: str = Field(
        description="Bearer token of the key; shown only in this response"
    )


class KeyPage(BaseModel):
    """Page of keys, newest first."""

    model_config = ConfigDict(frozen=True)

    data: list[KeyObject]
    next_cursor: str | None


class KeyBody(BaseModel):
    """Body of a request for a new key."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"name": "nightly", "scopes": ["read"], "expires_in": 2_592_000}
            ]
        },
    )

    name: Name = Field(default=None, description="name of the key, for people")
    scopes: frozenset[Scope] = Field(
        default=frozenset({Scope.READ, Scope.WRITE}),
        min_length=1,
        description="read, write, keys, admin; only scopes that the calling key has",
        json_schema_extra={"uniqueItems": False},  # a duplicate scope does no harm
    )
    expires_in: int | None = Field(
        default=None,
        ge=1,
        le=MAX_KEY_DAYS * 86400,
        description="seconds until the key expires; null: never",
    )
    owner: str | None = Field(
        default=None,
        pattern=OWNER_ID_PATTERN,
        description="owner of the key; only admins may set it, and their default is a "
        "new owner. Keys of others have the owner of the calling key",
    )
    submits_per_minute: int | None = Field(
        default=None,
        ge=0,
        le=MAX_QUOTA,
        description="limit of submissions per minute, set by admins only; null: limit "
        "from the settings",
    )
    requests_per_minute: int | None = Field(
        default=None,
        ge=0,
        le=MAX_QUOTA,
        description="limit of other requests per minute, set by admins only; null: "
        "limit from the settings",
    )
    max_queued: int | None = Field(
        default=None,
        ge=0,
        le=MAX_QUOTA,
        description="maximum queued jobs of the owner, set by admins only",
    )
    max_running: int | None = Field(
        default=None,
        ge=0,
        le=MAX_QUOTA,
        description="maximum running jobs of the owner, set by admins only",
    )


_FOR_ADMINS = {
    *("owner", "submits_per_minute", "requests_per_minute"),
    *("max_queued", "max_running"),
}
_QUOTAS = {"max_queued", "max_running"}


def read_key_request(request: Request, caller: Caller) -> NewKey:
    """Read the request for a key, and check that it has no more rights than the caller.

    Raises:
        MalformedJson: The body is missing or not strict JSON.
        InvalidParams: Values are wrong or unknown.
        ForbiddenScope: The caller may not create this key.
    """
    require_scope(Scope.KEYS)
    if not request.content_length:  # all members are optional
        raise MalformedJson(
            "body: missing", hint='send {} for a key that never expires, or {"scopes": '
            '["read"], "expires_in": 86400}',
        )  # fmt: skip
    json_body = read_json_object(request)
    errors: list[FieldError] = []
    body = collect_body_errors(json_body, KeyBody, errors)
    exceeding = [] if caller.may(Scope.ADMIN) else _exceeding_fields(json_body, caller)
    if body is None or errors:
        raise InvalidParams([*errors, *(error for _, error in exceeding)])
    if exceeding:
        named = "; ".join(error.detail for _, error in exceeding)
        raise ForbiddenScope(named, exceeding[0][0], [error for _, error in exceeding])
    if not caller.may(Scope.ADMIN):
        return _key_for_own_owner(body, caller)
    return NewKey(
        name=body.name or "",
        owner_id=body.owner,
        scopes=body.scopes,
        expires_in_seconds=body.expires_in,
        submits_per_minute=body.submits_per_minute,
        requests_per_minute=body.requests_per_minute,
        quotas=body.model_dump(include=_QUOTAS & body.model_fields_set),
    )


def _exceeding_fields(
    json_body: Mapping[str, Any], caller: Caller
) -> list[tuple[Scope, FieldError]]:
    """Return the requested rights that the caller lacks, with their scopes."""
    code = ForbiddenScope.code
    exceeding = [
        (Scope.ADMIN, FieldError(f"/{name}", code, f"only an admin's key sets {name}"))
        for name in sorted(_FOR_ADMINS & json_body.keys())
    ]
    scopes = json_body.get("scopes", sorted(KeyBody().scopes))
    words = [word for word in scopes if word in set(Scope)] if _is_list(scopes) else []
    exceeding += [
        (scope, FieldError("/scopes", code, f"the calling key lacks the scope {scope}"))
        for scope in sorted(set(map(Scope, words)) - caller.scopes)
    ]
    return exceeding


def _is_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _key_for_own_owner(body: KeyBody, caller: Caller) -> NewKey:
    key = caller.key
    return NewKey(
        name=body.name or "",
        owner_id=caller.owner_id,
        scopes=body.scopes,
        expires_in_seconds=body.expires_in,
        creator_key_id=key.id if key else None,
        submits_per_minute=key.submits_per_minute if key else None,
        requests_per_minute=key.requests_per_minute if key else None,
    )
