"""Views of /v1/me and /v1/keys: the caller, and API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from flask import Response, request
from pydantic import BaseModel, Field

from api.auth.authenticate import current_caller, require_scope
from api.auth.rate_limit import key_quotas
from api.dependencies import current_dependencies
from api.http.header_sets import NEXT_PAGE
from api.http.pagination import PageQuery, read_page
from api.http.responses import add_next_link, json_response, page_response
from api.http.routes import delete, get, make_blueprint, post
from api.http.schemas import to_datetime
from api.http.slots import max_streams_per_owner
from api.http.validation import is_plausible_id
from api.idempotency import counts_as_submission
from api.keys.schemas import (
    KeyBody,
    KeyObject,
    KeyPage,
    Me,
    NewKeyObject,
    read_key_request,
)
from shared.auth.api_keys import (
    Scope,
    delete_key,
    get_owner,
    issue_key,
    parse_scopes,
    query_keys,
    read_key,
)
from shared.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.db.models.auth import ApiKey

blueprint = make_blueprint("keys", "API keys and the limits of their owners.")


class KeyPath(BaseModel):
    """Path parameter: id of a key."""

    key_id: str = Field(description="id of the key")


class KeysQuery(PageQuery):
    """Query parameters of the list of keys."""

    item_model: ClassVar[type[BaseModel]] = KeyObject


@get(blueprint, "/v1/me", s200=Me)
def show_me() -> Response:
    """Get the owner, the key, the scopes and the limits of the caller."""
    dependencies, caller = current_dependencies(), current_caller()
    owner = get_owner(dependencies.database, caller.owner_id)
    default_limit = dependencies.settings.max_queued_per_owner
    owner_limit = None if owner is None else owner.max_queued
    budgets = (
        None if caller.key is None else key_quotas(caller.key, dependencies.settings)
    )
    body = Me(
        auth=dependencies.settings.auth,
        owner=caller.owner_id,
        key_id=caller.key.id if caller.key else None,
        scopes=sorted(caller.scopes),
        requests_per_minute=budgets,
        max_queued=default_limit if owner_limit is None else owner_limit,
        max_running=owner.max_running if owner else None,
        max_streams=max_streams_per_owner(dependencies.settings),
        queued=owner.queued if owner else 0,
        running=owner.running if owner else 0,
    )
    return json_response(body)


@get(blueprint, "/v1/keys", NEXT_PAGE, s200=KeyPage, s400=None)
def list_keys(query: KeysQuery) -> Response:
    """List keys, newest first: those of your owner, or with the scope admin, all."""
    require_scope(Scope.KEYS)
    caller = current_caller()
    owner_id = None if caller.may(Scope.ADMIN) else caller.owner_id
    database = current_dependencies().database

    def read(
        _: PageQuery, limit: int, before: tuple[float, str] | None
    ) -> Sequence[ApiKey]:
        return query_keys(database, owner_id, limit, before)

    page = read_page(query, caller.owner_id, "keys", read)
    data = [KeyObject(**_key_fields(key)) for key in page.rows]
    body = KeyPage(data=data, next_cursor=page.next_cursor)
    response = page_response(body, page.query.fields)
    add_next_link(response, "/v1/keys", page.query.link_params(), page.next_cursor)
    return response


@post(blueprint, "/v1/keys", json=KeyBody, needs_body=True, s201=NewKeyObject)
@counts_as_submission
def create_key() -> Response:
    """Create a key; only this response has its `secret`.

    With the scope keys, the new key belongs to your owner, has no more scopes than your
    key, and does not expire later. With the scope admin, any key can be created.
    """
    dependencies = current_dependencies()
    new = read_key_request(request, current_caller())
    key, secret = issue_key(dependencies.database, new)
    dependencies.key_cache.clear()
    return json_response(NewKeyObject(**_key_fields(key), secret=secret), 201)


@get(blueprint, "/v1/keys/<key_id>", s200=KeyObject)
def show_key(path: KeyPath) -> Response:
    """Get your key, or with the scope keys one of your owner, or with admin any."""
    owner_id = _reachable_owner(path.key_id)
    key = read_key(current_dependencies().database, path.key_id, owner_id)
    return json_response(KeyObject(**_key_fields(key)))


@delete(blueprint, "/v1/keys/<key_id>", s204="")
def revoke_key(path: KeyPath) -> Response:
    """Revoke your key, or with the scope keys one of your owner, or with admin any.

    All server processes refuse the key after 5 seconds at most.
    """
    dependencies = current_dependencies()
    delete_key(dependencies.database, path.key_id, _reachable_owner(path.key_id))
    dependencies.key_cache.clear()
    dependencies.watcher.recheck_keys()
    return Response(status=204)


def _reachable_owner(key_id: str) -> str | None:
    """Return the owner whose keys the caller may use, or None for all owners.

    Raises:
        ForbiddenScope: The caller may only use its own key, and this is another key.
        NotFound: The text cannot be the id of a key.
    """
    caller = current_caller()
    if caller.key is None or caller.key.id != key_id:
        require_scope(Scope.KEYS)
    if not is_plausible_id(key_id):
        raise NotFound("this is not the id of a key")
    return None if caller.may(Scope.ADMIN) else caller.owner_id


def _key_fields(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "owner": key.owner_id,
        "scopes": sorted(parse_scopes(key)),
        "submits_per_minute": key.submits_per_minute,
        "requests_per_minute": key.requests_per_minute,
        "created_at": to_datetime(key.created_at),
        "expires_at": to_datetime(key.expires_at),
        "last_used_at": to_datetime(key.last_used_at),
        "urls": {"self": f"/v1/keys/{key.id}"},
    }
