"""`python -m shared.commands.workers list|drain|undrain`: list and drain workers."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from shared.db.database import Database
from shared.errors import DatabaseUnavailable
from shared.settings import settings_or_exit
from shared.workers.registry import list_workers, set_host_draining, set_worker_draining

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.workers.registry import WorkerEntry

_TITLES = ("ID", "HOST", "DEVICE", "STATE", "JOB", "LAST SEEN")


def main() -> int:
    """Run the command; return 1 if the database or the worker does not exist."""
    arguments = _parser().parse_args()
    database = Database(settings_or_exit().database_url)
    try:
        if arguments.action == "list":
            sys.stdout.write(_table(list_workers(database)))
            return 0
        return _set_draining(database, arguments)
    except DatabaseUnavailable as error:
        sys.stderr.write(f"workers: {error}\nrun 'impasto migrate' first\n")
        return 1
    finally:
        database.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="impasto admin", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list")
    for action in ("drain", "undrain"):
        target = actions.add_parser(action).add_mutually_exclusive_group(required=True)
        target.add_argument("worker", nargs="?", help="its id")
        target.add_argument("--host", help="all workers of this host")
    return parser


def _set_draining(database: Database, arguments: argparse.Namespace) -> int:
    draining = arguments.action == "drain"
    if arguments.host is not None:
        worker_ids = set_host_draining(database, arguments.host, draining=draining)
    else:
        worker_ids = set_worker_draining(database, arguments.worker, draining=draining)
    if not worker_ids:
        target = arguments.host or arguments.worker
        sys.stderr.write(
            f"workers: no worker {target!r}; see 'impasto admin workers'\n"
        )
        return 1
    sys.stdout.writelines(f"{worker_id}\n" for worker_id in worker_ids)
    return 0


def _table(entries: Sequence[WorkerEntry]) -> str:
    rows = [_TITLES, *(_cells(entry) for entry in entries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _cells(entry: WorkerEntry) -> tuple[str, ...]:
    last_seen = f"{entry.heartbeat_age_seconds:.0f} s ago"
    job = entry.job_id or "-"
    return (entry.id, entry.host, entry.device, entry.state, job, last_seen)


if __name__ == "__main__":
    sys.exit(main())
