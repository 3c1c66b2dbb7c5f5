"""`python -m shared.commands.doctor`: checks a farm, and prints next steps."""

from __future__ import annotations

import argparse
import socket
import sys
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from sqlalchemy import make_url

from shared.clock import SYSTEM_CLOCK
from shared.db.database import Database
from shared.db.migrate import is_current
from shared.errors import DatabaseUnavailable, StorageError
from shared.queries.jobs import read_database_clock
from shared.queue import Notifier
from shared.settings import Settings, settings_or_exit
from shared.storage import open_storage

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import URL

_PROBE_KEY = "doctor-probe"  # without a folder, which would remain
_GIB = 2**30
_SQLITE_REMEDY = "set IMPASTO_DATABASE_URL to a file in a folder that you may write"


class Trouble(Exception):
    """A check failed.

    Args:
        what: Problem.
        remedy: Next step for the operator.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


def main() -> int:
    """Run all checks; return 1 if one failed."""
    parser = argparse.ArgumentParser(prog="impasto doctor", description=__doc__)
    parser.add_argument(
        "--farm-is-up", action="store_true", help="skip the checks of port and Redis"
    )
    farm_is_up = parser.parse_args().farm_is_up
    settings = settings_or_exit()
    checks: dict[str, Callable[[], str]] = {
        "database": lambda: _check_database(settings),
        "storage": lambda: _check_storage(settings),
        "folder": lambda: _check_folder(settings),
    }
    if not farm_is_up:
        checks["redis"] = lambda: _check_redis(settings)
        checks["port"] = lambda: _check_port(settings)
    return run_checks(checks)


def run_checks(checks: dict[str, Callable[[], str]]) -> int:
    """Run checks and print a line for each; return 1 if one failed.

    Args:
        checks: Functions by name; each returns its result, or raises Trouble.
    """
    failed = False
    for name, check in checks.items():
        try:
            sys.stdout.write(f"ok    {name:9} {check()}\n")
        except Exception as trouble:  # noqa: BLE001 - whatever is wrong is the finding
            failed = True
            remedy = getattr(trouble, "remedy", getattr(trouble, "hint", ""))
            what = str(trouble).partition("\n")[0] or type(trouble).__name__
            sys.stdout.write(f"WRONG {name:9} {what}\n      {remedy}\n")
    return 1 if failed else 0


def _check_database(settings: Settings) -> str:
    url = make_url(settings.database_url)
    shown = url.render_as_string(hide_password=True)
    try:
        current = is_current(settings.database_url)
    except DatabaseUnavailable as error:
        remedy = "start it, or set IMPASTO_DATABASE_URL to its address"
        if url.get_backend_name() == "sqlite":
            remedy = _SQLITE_REMEDY
        raise Trouble(f"{shown}: {error}", remedy) from error
    if not current:
        _require_creatable(url)
        raise Trouble(
            f"{shown}: its tables are missing or old",
            "run: impasto migrate ('impasto up' does it by itself)",
        )
    return f"{shown}, its clock is {_check_clock(settings):+z.1f} s off this host's"


def _require_creatable(url: URL) -> None:
    """Check that a SQLite file that does not exist could be created."""
    if url.get_backend_name() != "sqlite" or Path(str(url.database)).exists():
        return
    parents = Path(str(url.database)).absolute().parents
    folder = next(parent for parent in parents if parent.exists())
    try:
        TemporaryFile(dir=folder).close()
    except OSError as error:
        what = f"{url.database} cannot be created in {folder}: {error.strerror}"
        raise Trouble(what, _SQLITE_REMEDY) from error


def _check_clock(settings: Settings) -> float:
    """Return the seconds by which the database's clock is ahead of this host's."""
    database = Database(settings.database_url)
    try:
        now, newest = read_database_clock(database)
    finally:
        database.close()
    ahead, behind = now - SYSTEM_CLOCK.time(), newest - now
    if max(abs(ahead), behind) > settings.lease_seconds:
        raise Trouble(
            f"the database's clock is {ahead:+.0f} s off this host's, and "
            f"{behind:.0f} s behind the times in its rows",
            "set both clocks by NTP; docs/reliability.md says what a wrong one does",
        )
    return ahead


def _check_redis(settings: Settings) -> str:
    notifier = Notifier(settings)
    try:
        if not notifier.ping():
            raise Trouble(
                "no answer",
                "start Redis or Valkey, or set IMPASTO_REDIS_URL; 'impasto up' brings "
                "its own",
            )
    finally:
        notifier.close()
    return "answers"


def _check_storage(settings: Settings) -> str:
    try:
        storage = open_storage(settings.storage_url)
        storage.put(_PROBE_KEY, b"probe")
        storage.delete(_PROBE_KEY)
        free = storage.free_bytes()
    except (StorageError, OSError) as error:
        remedy = "set IMPASTO_STORAGE_URL to a folder that you may write"
        raise Trouble(f"{settings.storage_url}: {error}", remedy) from error
    if free < settings.min_free_bytes:
        what = f"{free / _GIB:.1f} GiB are free, new jobs need "
        what += f"{settings.min_free_bytes / _GIB:.1f} GiB"
        raise Trouble(what, "free some space, or lower IMPASTO_MIN_FREE_BYTES")
    return f"{settings.storage_url}, {free / _GIB:.0f} GiB free"


def _check_port(settings: Settings) -> str:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            remedy = "fine if a farm is up; else set IMPASTO_PORT to another one"
            raise Trouble(
                f"{settings.host}:{settings.port}: {error.strerror}", remedy
            ) from error
    return f"{settings.host}:{settings.port} is free"


def _check_folder(settings: Settings) -> str:
    if not settings.home.is_dir():
        return f"{settings.home} will be created"
    if settings.home.stat().st_mode & 0o077:
        raise Trouble(
            f"other users can look into {settings.home}",
            f"run: chmod -R go= {settings.home}",
        )
    return f"{settings.home} is yours alone"


if __name__ == "__main__":
    sys.exit(main())
