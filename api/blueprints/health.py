"""/livez and /readyz, for whoever watches over the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from flask import Blueprint, Response, json

from api.limits import check_room
from api.problems import problem
from api.services import current_services
from shared.errors import DatabaseUnavailable, StorageError, StorageFull

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.services import Services

log = structlog.get_logger(__name__)

blueprint = Blueprint("health", __name__)

_OK, _DOWN, _FULL = "ok", "down", "full"


@blueprint.get("/livez")
def alive() -> Response:
    """Answer; this touches nothing else."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
def ready() -> Response:
    """Say whether jobs can be taken, and what is in the way; the log says why.

    Without Redis they can: workers look for themselves, only later.
    """
    services = current_services()
    checks = {name: check(services) for name, check in _CHECKS.items()}
    down = [name for name in ("database", "storage") if checks[name] != _OK]
    if down:
        detail = "; ".join(f"{name}: {checks[name]}" for name in down)
        code = DatabaseUnavailable.code
        return problem(503, "Not ready", detail, code, checks=checks, retryable=True)
    state = "ready" if checks["redis"] == _OK else "degraded"
    body = json.dumps({"status": state, "checks": checks})
    return Response(body, mimetype="application/json")


def _database(services: Services) -> str:
    try:
        services.database.ping()
    except DatabaseUnavailable as error:
        log.warning("database_check_failed", error=str(error))
        return _DOWN
    return _OK


def _redis(services: Services) -> str:
    return _OK if services.doorbell.ping() else _DOWN


def _storage(services: Services) -> str:
    try:
        check_room(services)
    except StorageError as error:
        log.warning("storage_check_failed", error=str(error))
        return _FULL if isinstance(error, StorageFull) else _DOWN
    return _OK


_CHECKS: dict[str, Callable[[Services], str]] = {
    "database": _database,
    "redis": _redis,
    "storage": _storage,
}
