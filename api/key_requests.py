"""From the body of POST /v1/keys to the key that may be made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.auth import Caller, require_scope
from api.job_options import clean_name
from api.json_bodies import json_object, read_body
from api.key_schemas import KeyBody
from shared.errors import FieldError, ForbiddenScope, InvalidParams
from shared.jobs import NewKey, Scope

if TYPE_CHECKING:
    from flask import Request

    from shared.jobs import KnownKey

_FOR_ADMINS = {
    *("owner", "submits_per_minute", "requests_per_minute"),
    *("max_queued", "max_running"),
}
_QUOTAS = {"max_queued", "max_running"}


def key_request(request: Request, caller: Caller) -> NewKey:
    """Read which key is asked for; a key makes none that may do more than itself.

    Raises:
        InvalidParams: Values are wrong or unknown.
        ForbiddenScope: The caller may not make this key.
    """
    require_scope(Scope.KEYS)
    body = read_body(json_object(request), KeyBody)
    errors: list[FieldError] = []
    name = clean_name(body.name, errors)
    if errors:
        raise InvalidParams(errors)
    if caller.may(Scope.ADMIN):
        return NewKey(
            name=name or "",
            owner_id=body.owner,
            scopes=body.scopes,
            expires_in_seconds=body.expires_in,
            submits_per_minute=body.submits_per_minute,
            requests_per_minute=body.requests_per_minute,
            quotas=body.model_dump(include=_QUOTAS & body.model_fields_set),
        )
    return _own_key(body, name or "", caller)


def _own_key(body: KeyBody, name: str, caller: Caller) -> NewKey:
    if told := _FOR_ADMINS & body.model_fields_set:
        named = ", ".join(sorted(told))
        raise ForbiddenScope(f"only an admin's key sets {named}", Scope.ADMIN)
    if more := sorted(body.scopes - caller.scopes):
        raise ForbiddenScope(f"this key may not hand on the scope {more[0]}", more[0])
    key = caller.key
    return NewKey(
        name=name,
        owner_id=caller.owner_id,
        scopes=body.scopes,
        expires_in_seconds=_sooner(body.expires_in, key),
        submits_per_minute=key.submits_per_minute if key else None,
        requests_per_minute=key.requests_per_minute if key else None,
    )


def _sooner(asked_seconds: int | None, key: KnownKey | None) -> float | None:
    """When a key ends that may not outlive the one it is made with."""
    ends = (asked_seconds, key.expires_in_seconds if key else None)
    return min((seconds for seconds in ends if seconds is not None), default=None)
