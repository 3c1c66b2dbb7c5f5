"""`python -m worker.health`: health check that succeeds while a worker is registered.

It is meant for containers. It checks heartbeats, not whether a process exists.

Workers also touch a heartbeat file. While the database is not available, the check uses
that file, so that a container is not restarted while its worker computes.
"""

from __future__ import annotations

import socket
import sys
import time
from typing import TYPE_CHECKING

import structlog

from shared.db.database import Database
from shared.errors import DatabaseUnavailable
from shared.queries.jobs import read_live_workers
from shared.settings import settings_or_exit

if TYPE_CHECKING:
    from pathlib import Path


log = structlog.get_logger(__name__)

HEARTBEAT_FILE_SECONDS = 60.0  # if the file is older, no worker is alive


def touch_heartbeat_file(home: Path) -> None:
    """Touch the heartbeat file of this host; log a failure."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        _heartbeat_file(home).touch()
    except OSError as error:
        log.warning("heartbeat_file_write_failed", error=str(error))


def is_heartbeat_file_fresh(home: Path) -> bool:
    """Whether a worker of this host touched the heartbeat file recently.

    A time in the future does not count: the host's clock was set back since then.
    """
    try:
        age_seconds = time.time() - _heartbeat_file(home).stat().st_mtime
    except OSError:
        return False
    return abs(age_seconds) < HEARTBEAT_FILE_SECONDS


def _heartbeat_file(home: Path) -> Path:
    return home / f"heartbeat-{socket.gethostname()}"  # hosts may share the folder


def main() -> int:
    """Return 0 if a worker of this host sent a heartbeat recently, else 1.

    While the database is not available, the heartbeat file decides.
    """
    settings = settings_or_exit()
    database = Database(settings.database_url)
    try:
        hosts = {worker.host for worker in read_live_workers(database)}
    except DatabaseUnavailable as error:
        sys.stderr.write(f"alive: {error}\n")
        return 0 if is_heartbeat_file_fresh(settings.home) else 1
    finally:
        database.close()
    return 0 if socket.gethostname() in hosts else 1


if __name__ == "__main__":
    sys.exit(main())
