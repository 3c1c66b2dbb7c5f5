"""What a claim costs among few rows and among many: `make bench-jobs`.

Prints medians per database and size, and how much longer than among the fewest.
"""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from sqlalchemy import insert

from shared import jobs
from shared.db import Database
from shared.migrations import migrate
from shared.models import Job, Owner
from shared.params import StyleParams
from shared.states import JobState
from tests.servers import postgresql_folder, running_postgresql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZES = ("1000:1000", "1000000:100000")  # finished : queued
OWNERS = 10
CLAIMS = 200
LEASE_SECONDS = 1000.0
GOAL = 1.5  # times as long among many as among few
DEVICE = jobs.Device("wkr_1", "cpu", 2**40)
_BATCH = 5_000


def main(sizes: list[str]) -> None:
    """Fill databases, claim, heartbeat, complete; judge nothing."""
    sys.stdout.write(f"{'database':11} {'finished':>9} {'queued':>7}")
    sys.stdout.write(
        "   claim  heartbeat  complete  rounds (ms); claim, of the first\n"
    )
    for name, opened in (("sqlite", _sqlite), ("postgresql", _postgresql)):
        first = None
        for size in sizes:
            finished, queued = (int(part) for part in size.split(":"))
            with opened() as url:
                took = _measured(url, finished, queued)
            first = first or took["claim"]
            figures = "  ".join(f"{each:8.2f}" for each in took.values())
            ratio = f"{took['claim'] / first:.2f} (goal {GOAL})"
            sys.stdout.write(f"{name:11} {finished:9} {queued:7}{figures}  {ratio}\n")
            sys.stdout.flush()


def _measured(url: str, finished: int, queued: int) -> dict[str, float]:
    migrate(url)
    db = Database(url)
    _fill(db, finished, queued)
    took: dict[str, list[float]] = {"claim": [], "heartbeat": [], "complete": []}
    for number in range(min(CLAIMS, queued)):
        claim = _timed(
            took["claim"],
            lambda nonce=f"n{number}": jobs.claim(db, DEVICE, nonce, LEASE_SECONDS),
        )
        _timed(
            took["heartbeat"],
            lambda held=claim: jobs.heartbeat(db, held, LEASE_SECONDS, 1, {}),
        )
        written = jobs.Written(f"results/{claim.job_id}", "ab" * 32, 3)
        result = jobs.Result(written, 8, 8, exact=True)
        _timed(
            took["complete"],
            lambda held=claim, made=result: jobs.complete(db, held, made),
        )
    took["rounds"] = []
    for _ in range(10):
        _timed(took["rounds"], lambda: _round(db))
    db.close()
    return {name: median(times) for name, times in took.items()}


def _round(db: Database) -> None:
    """What the reconciler does every few seconds, when there is nothing to do."""
    jobs.reap(db)
    jobs.cancel_overdue(db)
    jobs.expire(db, 30)
    jobs.wake(db)


def _timed(times: list[float], call: Callable[[], object]) -> object:
    began = time.perf_counter()
    value = call()
    times.append((time.perf_counter() - began) * 1000)
    return value


def _fill(db: Database, finished: int, queued: int) -> None:
    owners = [f"own_{number}" for number in range(OWNERS)]
    with db.write() as session:
        rows = [
            {"id": one, "queued": queued // OWNERS, "running": 0, "created_at": 0.0}
            for one in owners
        ]
        session.execute(insert(Owner), rows)
    total = finished + queued
    for begin in range(0, total, _BATCH):
        numbers = range(begin, min(begin + _BATCH, total))
        with db.write() as session:
            session.execute(
                insert(Job),
                [_row(n, owners[n % OWNERS], done=n < finished) for n in numbers],
            )
    with db.write() as session:
        session.connection().exec_driver_sql("ANALYZE")


def _row(number: int, owner_id: str, *, done: bool) -> dict[str, object]:
    at = 1.7e9 + number / 100
    return {
        "id": f"job_{number:026}",
        "owner_id": owner_id,
        "kind": "style",
        "state": JobState.SUCCEEDED if done else JobState.QUEUED,
        "params": StyleParams().model_dump(mode="json"),
        "iterations": 210,
        "created_at": at,
        "run_after": at,
        "ready_key": None if done else at,
        "finished_at": at if done else None,
        "fence": int(done),
    }


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{Path(folder) / 'bench.sqlite'}"


@contextmanager
def _postgresql() -> Iterator[str]:
    programs = postgresql_folder()
    if programs is None:
        raise SystemExit("PostgreSQL is not installed: apt-get install postgresql")
    with running_postgresql(programs) as server:
        yield server.url(server.create_database())


if __name__ == "__main__":
    main(sys.argv[1:] or list(SIZES))
