"""/v1/me and /v1/keys: who is asking, and with which keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response, request
from pydantic import BaseModel

from api.auth.authenticate import current_caller, require_scope
from api.auth.rate_limit import quotas_of
from api.dependencies import current_services
from api.http.pagination import PageQuery, read_page
from api.http.responses import answer, next_link
from api.http.routes import delete, get, make_blueprint, post
from api.http.slots import most_streams_each
from api.http.timestamps import instant
from api.http.validation import is_plausible_id
from api.idempotency import creates_secret
from api.keys.schemas import KeyBody, KeyObject, KeyPage, Me, NewKeyObject, key_request
from shared.auth.api_keys import (
    Scope,
    get_owner,
    issue_key,
    query_keys,
    read_key,
    scopes_of,
    withdraw_key,
)
from shared.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.db.models.auth import ApiKey

blueprint = make_blueprint("keys", "Who may ask, and for how much.")


class KeyPath(BaseModel):
    """Which key."""

    key_id: str


@get(blueprint, "/v1/me", s200=Me)
def show_me() -> Response:
    """Tell who the caller is, what it may do, and how much."""
    services, caller = current_services(), current_caller()
    owner = get_owner(services.database, caller.owner_id)
    usual = services.settings.max_queued_per_owner
    told = None if owner is None else owner.max_queued
    budgets = None if caller.key is None else quotas_of(caller.key, services.settings)
    body = Me(
        auth=services.settings.auth,
        owner=caller.owner_id,
        key_id=caller.key.id if caller.key else None,
        scopes=sorted(caller.scopes),
        requests_per_minute=budgets,
        max_queued=usual if told is None else told,
        max_running=owner.max_running if owner else None,
        max_streams=most_streams_each(services.settings),
        queued=owner.queued if owner else 0,
        running=owner.running if owner else 0,
    )
    return answer(body)


@get(blueprint, "/v1/keys", s200=KeyPage, s400=None)
def list_keys(query: PageQuery) -> Response:
    """List keys, newest first: of the caller's owner, or with scope admin, of all."""
    require_scope(Scope.KEYS)
    caller = current_caller()
    mine = None if caller.may(Scope.ADMIN) else caller.owner_id
    database = current_services().database

    def read(
        _: PageQuery, limit: int, before: tuple[float, str] | None
    ) -> Sequence[ApiKey]:
        return query_keys(database, mine, limit, before)

    page = read_page(query, caller.owner_id, "keys", read)
    data = [KeyObject(**_about(key)) for key in page.rows]
    response = answer(KeyPage(data=data, next_cursor=page.following))
    next_link(response, "/v1/keys", page.query.known(), page.following)
    return response


@post(
    blueprint, "/v1/keys", json=KeyBody, s201=NewKeyObject, s400=None, s413=None,
    s415=None,
)  # fmt: skip
@creates_secret
def create_key() -> Response:
    """Make a key; its `secret` is told this once.

    A key of scope keys makes keys of its own owner that may do no more and live no
    longer than itself; one of scope admin, any.
    """
    services = current_services()
    new = key_request(request, current_caller())
    key, secret = issue_key(services.database, new)
    services.keys.forget()
    return answer(NewKeyObject(**_about(key), secret=secret), 201)


@get(blueprint, "/v1/keys/<key_id>", s200=KeyObject, s404=None)
def show_key(path: KeyPath) -> Response:
    """Look at a key of the own owner, or with scope admin, any; or the asking one."""
    mine = _reachable(path.key_id)
    key = read_key(current_services().database, path.key_id, mine)
    return answer(KeyObject(**_about(key)))


@delete(blueprint, "/v1/keys/<key_id>", s204={"description": "revoked"}, s404=None)
def revoke_key(path: KeyPath) -> Response:
    """Revoke a key of the own owner, or with scope admin, any; at last the asking one.

    Every server process lets nobody in with it after 5 seconds at most.
    """
    services = current_services()
    withdraw_key(services.database, path.key_id, _reachable(path.key_id))
    services.keys.forget()
    services.lookout.recheck_keys()
    return Response(status=204)


def _reachable(key_id: str) -> str | None:
    """Whose keys the caller may reach; None: everybody's.

    Raises:
        ForbiddenScope: Of none but itself, and this is another.
        NotFound: This can be no key.
    """
    caller = current_caller()
    if caller.key is None or caller.key.id != key_id:
        require_scope(Scope.KEYS)
    if not is_plausible_id(key_id):
        raise NotFound("this is not the id of a key")
    return None if caller.may(Scope.ADMIN) else caller.owner_id


def _about(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "owner": key.owner_id,
        "scopes": sorted(scopes_of(key)),
        "submits_per_minute": key.submits_per_minute,
        "requests_per_minute": key.requests_per_minute,
        "created_at": instant(key.created_at),
        "expires_at": instant(key.expires_at),
        "last_used_at": instant(key.last_used_at),
        "urls": {"self": f"/v1/keys/{key.id}"},
    }
