"""`python -m shared.commands.workers list|drain|undrain`: list and drain workers."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from shared.db.database import Database
from shared.errors import DatabaseUnavailable
from shared.settings import settings_or_exit
from shared.workers.registry import drain_host, drain_worker, roll

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.workers.registry import RollEntry

_TITLES = ("ID", "HOST", "DEVICE", "STATE", "JOB", "LAST SEEN")


def main() -> int:
    """Do what was asked; return 1 when the database or the worker is not there."""
    arguments = _parser().parse_args()
    database = Database(settings_or_exit().database_url)
    try:
        if arguments.action == "list":
            sys.stdout.write(_table(roll(database)))
            return 0
        return _tell(database, arguments)
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
        whom = actions.add_parser(action).add_mutually_exclusive_group(required=True)
        whom.add_argument("worker", nargs="?", help="its id")
        whom.add_argument("--host", help="all workers of this host")
    return parser


def _tell(database: Database, arguments: argparse.Namespace) -> int:
    draining = arguments.action == "drain"
    if arguments.host is not None:
        told = drain_host(database, arguments.host, draining=draining)
    else:
        told = drain_worker(database, arguments.worker, draining=draining)
    if not told:
        whom = arguments.host or arguments.worker
        sys.stderr.write(f"workers: no worker {whom!r}; see 'impasto admin workers'\n")
        return 1
    sys.stdout.writelines(f"{worker_id}\n" for worker_id in told)
    return 0


def _table(entries: Sequence[RollEntry]) -> str:
    rows = [_TITLES, *(_cells(entry) for entry in entries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _cells(entry: RollEntry) -> tuple[str, ...]:
    seen = f"{entry.unseen_seconds:.0f} s ago"
    job = entry.job_id or "-"
    return (entry.id, entry.host, entry.device, entry.state, job, seen)


if __name__ == "__main__":
    sys.exit(main())
