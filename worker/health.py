"""`python -m worker.health`: succeed while a worker of this host is on the roll.

For health checks of containers: it asks for work done, not for a process that exists.

A file that is touched while a worker of this host is there.

It speaks for the worker while the database, where the roll is, is away: a health check
must not end a process that computes through an outage.
"""

from __future__ import annotations

import socket
import sys
import time
from typing import TYPE_CHECKING

import structlog

from shared.db.database import Database
from shared.errors import DatabaseUnavailable
from shared.queries.jobs import live_workers
from shared.settings import settings_or_exit

if TYPE_CHECKING:
    from pathlib import Path


def main() -> int:
    """Return 0 if a worker of this host was seen lately, else 1.

    While the database is away, a file tells.
    """
    settings = settings_or_exit()
    database = Database(settings.database_url)
    try:
        hosts = {worker.host for worker in live_workers(database)}
    except DatabaseUnavailable as error:
        sys.stderr.write(f"alive: {error}\n")
        return 0 if is_felt(settings.home) else 1
    finally:
        database.close()
    return 0 if socket.gethostname() in hosts else 1


log = structlog.get_logger(__name__)

PULSE_SECONDS = 60.0  # older than that, nobody is there


def beat(home: Path) -> None:
    """Say that this host has a worker that moves; log it if that cannot be said."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        _file(home).touch()
    except OSError as error:
        log.warning("heartbeat_file_write_failed", error=str(error))


def is_felt(home: Path) -> bool:
    """Whether a worker of this host was there lately."""
    try:
        return time.time() - _file(home).stat().st_mtime < PULSE_SECONDS
    except OSError:
        return False


def _file(home: Path) -> Path:
    return home / f"pulse-{socket.gethostname()}"  # hosts may share the folder


if __name__ == "__main__":
    sys.exit(main())
