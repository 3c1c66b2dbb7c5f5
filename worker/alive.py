"""`python -m worker.alive`: succeed while a worker of this host is on the roll.

For health checks of containers: it asks for work done, not for a process that exists.
"""

from __future__ import annotations

import socket
import sys

from shared import jobs
from shared.db import Database
from shared.errors import DatabaseUnavailable
from shared.settings import settings_or_exit
from worker.pulse import is_felt


def main() -> int:
    """Return 0 if a worker of this host was seen lately, else 1.

    While the database is away, a file tells.
    """
    settings = settings_or_exit()
    database = Database(settings.database_url)
    try:
        hosts = {worker.host for worker in jobs.live_workers(database)}
    except DatabaseUnavailable as error:
        sys.stderr.write(f"alive: {error}\n")
        return 0 if is_felt(settings.home) else 1
    finally:
        database.close()
    return 0 if socket.gethostname() in hosts else 1


if __name__ == "__main__":
    sys.exit(main())
