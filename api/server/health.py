"""Views of /livez and /readyz, for process supervisors and load balancers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import structlog
from flask import Response

from api.dependencies import current_dependencies
from api.http.problems import problem_response
from api.http.responses import json_response
from api.http.routes import get, make_blueprint
from api.http.slots import check_free_space
from api.server.schemas import Readiness
from shared.clock import SYSTEM_CLOCK
from shared.errors import DatabaseUnavailable, StorageError, StorageFull
from shared.queries.jobs import read_database_clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.dependencies import Dependencies

log = structlog.get_logger(__name__)

blueprint = make_blueprint("health", "Liveness and readiness of the server.")

_OK, _DOWN, _FULL, _OFF = "ok", "down", "full", "off"


@get(blueprint, "/livez", s200="text/plain")
def alive() -> Response:
    """Respond that the process runs; reads neither database nor storage."""
    return Response("ok\n", mimetype="text/plain")


@get(blueprint, "/readyz", s200=Readiness, s503=None)
def ready() -> Response:
    """Say whether jobs can be accepted, and which component fails; the log has details.

    Without Redis jobs are accepted, since workers also poll the database, only later.
    Jobs are also accepted while the database's clock differs by more than a lease from
    this host's clock, or is behind times in rows.
    """
    dependencies = current_dependencies()
    checks = {name: check(dependencies) for name, check in _CHECKS.items()}
    down = [name for name in ("database", "storage") if checks[name] != _OK]
    if down:
        error = DatabaseUnavailable if "database" in down else StorageError
        detail = "; ".join(f"{name}: {checks[name]}" for name in down)
        return problem_response(error(detail), detail, members={"checks": checks})
    state: Literal["ready", "degraded"] = (
        "ready" if set(checks.values()) == {_OK} else "degraded"
    )
    return json_response(Readiness(status=state, checks=checks))


def _database(dependencies: Dependencies) -> str:
    try:
        dependencies.database.ping()
    except DatabaseUnavailable as error:
        log.warning("database_check_failed", error=str(error))
        return _DOWN
    return _OK


def _redis(dependencies: Dependencies) -> str:
    return _OK if dependencies.notifier.ping() else _DOWN


def _storage(dependencies: Dependencies) -> str:
    try:
        check_free_space(dependencies)
    except StorageError as error:
        log.warning("storage_check_failed", error=str(error))
        return _FULL if isinstance(error, StorageFull) else _DOWN
    return _OK


def _clock(dependencies: Dependencies) -> str:
    """Compare the database's clock with this host's, and with the times in rows."""
    try:
        now, newest = read_database_clock(dependencies.database)
    except DatabaseUnavailable:
        return _DOWN  # the check of the database reports it
    ahead_of_host, behind_rows = now - SYSTEM_CLOCK.time(), newest - now
    if max(abs(ahead_of_host), behind_rows) <= dependencies.settings.lease_seconds:
        return _OK
    log.warning("database_clock_off", ahead_of_host=ahead_of_host, behind=behind_rows)
    return _OFF


_CHECKS: dict[str, Callable[[Dependencies], str]] = {
    "database": _database,
    "redis": _redis,
    "storage": _storage,
    "clock": _clock,
}
