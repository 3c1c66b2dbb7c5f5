"""From the body of POST /v1/keys to the key that may be made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from api.auth import Caller, require_scope
from api.job_options import clean_name
from api.json_bodies import gathered, json_object
from api.key_schemas import KeyBody
from shared.errors import FieldError, ForbiddenScope, InvalidParams
from shared.jobs import NewKey, Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Request

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
    said = json_object(request)
    errors: list[FieldError] = []
    body = gathered(said, KeyBody, errors)
    name = None if body is None else clean_name(body.name, errors)
    beyond = [] if caller.may(Scope.ADMIN) else _beyond(said, caller)
    if body is None or errors:
        raise InvalidParams([*errors, *(one for _, one in beyond)])
    if beyond:
        named = "; ".join(one.detail for _, one in beyond)
        raise ForbiddenScope(named, beyond[0][0], [one for _, one in beyond])
    if not caller.may(Scope.ADMIN):
        return _own_key(body, name or "", caller)
    return NewKey(
        name=name or "",
        owner_id=body.owner,
        scopes=body.scopes,
        expires_in_seconds=body.expires_in,
        submits_per_minute=body.submits_per_minute,
        requests_per_minute=body.requests_per_minute,
        quotas=body.model_dump(include=_QUOTAS & body.model_fields_set),
    )


def _beyond(said: Mapping[str, Any], caller: Caller) -> list[tuple[Scope, FieldError]]:
    """What is asked for that the caller may not do, and what it would need for it."""
    code = ForbiddenScope.code
    found = [
        (Scope.ADMIN, FieldError(f"/{name}", code, f"only an admin's key sets {name}"))
        for name in sorted(_FOR_ADMINS & said.keys())
    ]
    asked = said.get("scopes", sorted(KeyBody().scopes))
    words = [word for word in asked if word in set(Scope)] if _is_list(asked) else []
    found += [
        (scope, FieldError("/scopes", code, f"may not hand on the scope {scope}"))
        for scope in sorted(set(map(Scope, words)) - caller.scopes)
    ]
    return found


def _is_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _own_key(body: KeyBody, name: str, caller: Caller) -> NewKey:
    key = caller.key
    return NewKey(
        name=name,
        owner_id=caller.owner_id,
        scopes=body.scopes,
        expires_in_seconds=body.expires_in,
        made_with=key.id if key else None,
        submits_per_minute=key.submits_per_minute if key else None,
        requests_per_minute=key.requests_per_minute if key else None,
    )
