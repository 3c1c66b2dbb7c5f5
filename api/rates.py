"""Counting requests per key, and telling in every answer how many are left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask, Response, current_app, g, request

from api.services import current_services
from shared.errors import RateLimited

if TYPE_CHECKING:
    from api.auth import Caller
    from api.budgets import Standing
    from shared.jobs import KnownKey
    from shared.settings import Settings

SUBMIT, DEFAULT = "submit", "default"


def register(app: Flask) -> None:
    """Count what is let into `app`; after `auth`, which says who it is."""
    app.before_request(_count)
    app.after_request(_tell)


def quotas_of(key: KnownKey, settings: Settings) -> dict[str, int]:
    """Requests per minute, by budget; 0: no limit."""
    told = {SUBMIT: key.submits_per_minute, DEFAULT: key.requests_per_minute}
    usual = {SUBMIT: settings.submits_per_minute, DEFAULT: settings.requests_per_minute}
    return {
        name: usual[name] if quota is None else quota for name, quota in told.items()
    }


def standing_headers(standing: Standing) -> list[tuple[str, str]]:
    """Tell how many are left."""
    return [("RateLimit-Policy", standing.policy), ("RateLimit", standing.limit)]


def _count() -> None:
    caller: Caller | None = g.get("caller")
    if caller is None or caller.key is None:
        return
    name = SUBMIT if _creates() else DEFAULT
    quota = quotas_of(caller.key, current_services().settings)[name]
    if not quota:
        return
    key = caller.key
    standing = current_services().budgets.spend(key.id, name, quota)
    g.standing = standing
    if standing.retry_after_seconds is not None:
        raise RateLimited(
            f"this key may make {quota} requests of the kind {name!r} per minute",
            standing.retry_after_seconds,
        )


def _creates() -> bool:
    """Whether the view makes something: `api.creating` marks those."""
    view = current_app.view_functions.get(request.endpoint or "")
    return bool(getattr(view, "creates", False))


def _tell(response: Response) -> Response:
    standing: Standing | None = g.get("standing")
    if standing is not None:
        response.headers.extend(standing_headers(standing))
    return response
