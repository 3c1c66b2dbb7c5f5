"""Benchmark of claims with few rows and with many: `make bench-jobs`.

It prints medians per database and size, and their ratio to those with the fewest rows.
Then it prints p50 and p99 of claims among jobs that do not fit the device.
"""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from statistics import median, quantiles
from typing import TYPE_CHECKING

from sqlalchemy import insert, text, update

from bench.databases import postgresql, sqlite
from shared.db.database import Database
from shared.db.migrate import migrate
from shared.db.models.auth import Owner
from shared.db.models.jobs import Job
from shared.jobs.claim import Device, claim_job
from shared.jobs.lease import JobResult, WrittenBlob, complete_job, renew_lease
from shared.maintenance.deadlines import cancel_overdue_jobs, expire_jobs
from shared.maintenance.rescue import requeue_expired_leases, wake_backed_off_jobs
from shared.params.style import StyleParams
from shared.states import JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZES = ("1000:1000", "1000000:100000")  # finished : queued
OWNERS = 10
CLAIMS = 200
LEASE_SECONDS = 1000.0
GOAL = 1.5  # ratio of the time with many rows to that with few
DEVICE = Device("wkr_1", "cpu", 2**40, "cpu-0")
UNFIT = 100_000  # older jobs that do not fit the device
UNFIT_GOAL = 5.0  # ms, p99
# SQL of device_class, need_bytes and excluded_device of unfit job n, by n % 3: too
# large, for another class, failed on this device; each with 20 sizes.
_UNFIT_COLUMNS = {
    "device_class": "CASE n % 3 WHEN 1 THEN 'cuda' END",
    "need_bytes": "1000000000 * CAST(n / 30 % 20 + CASE n % 3 WHEN 0 THEN 1100 "
    "ELSE 1 END AS BIGINT)",
    "excluded_device": "CASE n % 3 WHEN 2 THEN 'cpu-0' END",
}
ROUNDS = 10
_BATCH = 20_000  # rows per statement, which must end within seconds
# SQL of the time and the id of job n, in the format of `_row`.
_AT = "1.7e9 + n / 100.0"
_ID = {
    "sqlite": "printf('job_%026d', n)",
    "postgresql": "'job_' || lpad(n::text, 26, '0')",
}


def main(sizes: list[str]) -> None:
    """Fill databases, run jobs from claim to completion, and print the times.

    The databases of one kind take turns, claim by claim, so that other load on the
    machine slows all of them alike, and hardly changes their ratio.
    """
    sys.stdout.write(f"{'database':11} {'finished':>9} {'queued':>7}")
    sys.stdout.write(
        "   claim  heartbeat  complete  rounds (ms); claim, of the first\n"
    )
    for name, opened in (("sqlite", sqlite), ("postgresql", postgresql)):
        with ExitStack() as stack:
            urls = [stack.enter_context(opened()) for _ in sizes]
            found = _measure(dict(zip(urls, map(_counts, sizes), strict=True)))
        first = found[0]["claim"]
        for size, took in zip(sizes, found, strict=True):
            finished, queued = _counts(size)
            figures = "  ".join(f"{each:8.2f}" for each in took.values())
            ratio = f"{took['claim'] / first:.2f} (goal {GOAL})"
            sys.stdout.write(f"{name:11} {finished:9} {queued:7}{figures}  {ratio}\n")
            sys.stdout.flush()
    for name, opened in (("sqlite", sqlite), ("postgresql", postgresql)):
        with opened() as url, _open_database(url) as db:
            took = _measure_among_unfit(db)
        percentiles = quantiles(took, n=100)
        p50, p99 = percentiles[49], percentiles[98]
        sys.stdout.write(
            f"{name:11} among {UNFIT} that do not fit: claim p50 {p50:.2f}, "
            f"p99 {p99:.2f} (goal {UNFIT_GOAL}) ms\n"
        )
        sys.stdout.flush()


def _measure_among_unfit(db: Database) -> list[float]:
    """Return times of claims, in ms, if the oldest jobs of all owners do not fit."""
    _fill(db, finished=1000, queued=1000)
    with db.write() as session:
        dialect = session.connection().dialect.name
        numbers = range(2000, 2000 + UNFIT)
        older = {"at": "1.6e9 + n / 100.0", **_UNFIT_COLUMNS}
        session.execute(text(_copies(dialect, 1000, numbers, **older)))
        session.execute(update(Owner).values(queued=Owner.queued + UNFIT // OWNERS))
        session.connection().exec_driver_sql("ANALYZE")
    took: dict[str, list[float]] = {"claim": [], "heartbeat": [], "complete": []}
    for number in range(CLAIMS):
        _run_job(db, number, took)
    return took["claim"]


def _counts(size: str) -> tuple[int, int]:
    finished, _, queued = size.partition(":")
    return int(finished), int(queued)


def _measure(counts: dict[str, tuple[int, int]]) -> list[dict[str, float]]:
    """Return the medians of each database, in ms; `counts` has the rows by URL."""
    lives = range(min(CLAIMS, *(queued for _, queued in counts.values())))
    took: list[dict[str, list[float]]] = [
        {"claim": [], "heartbeat": [], "complete": [], "rounds": []} for _ in counts
    ]
    with ExitStack() as stack:
        databases = [stack.enter_context(_open_database(url)) for url in counts]
        for db, each in zip(databases, counts.values(), strict=True):
            _fill(db, *each)
        for number in lives:
            for db, times in zip(databases, took, strict=True):
                _run_job(db, number, times)
        for _ in range(ROUNDS):
            for db, times in zip(databases, took, strict=True):
                _time(times["rounds"], partial(_round, db))
    return [{name: median(each) for name, each in times.items()} for times in took]


def _run_job(db: Database, number: int, took: dict[str, list[float]]) -> None:
    """Run one job from its claim to its end."""
    claim = _time(
        took["claim"],
        lambda: claim_job(db, DEVICE, f"n{number}", LEASE_SECONDS),
    )
    _time(
        took["heartbeat"],
        lambda: renew_lease(db, claim, LEASE_SECONDS, 1, {}),
    )
    written = WrittenBlob(f"results/{claim.job_id}", "ab" * 32, 3)
    result = JobResult(written, 8, 8, exact=True)
    _time(took["complete"], lambda: complete_job(db, claim, result))


def _round(db: Database) -> None:
    """Run a round of the maintenance that finds nothing to do."""
    requeue_expired_leases(db)
    cancel_overdue_jobs(db)
    expire_jobs(db, 30)
    wake_backed_off_jobs(db)


def _time(times: list[float], call: Callable[[], object]) -> object:
    began = time.perf_counter()
    value = call()
    times.append((time.perf_counter() - began) * 1000)
    return value


@contextmanager
def _open_database(url: str) -> Iterator[Database]:
    migrate(url)
    db = Database(url)
    try:
        yield db
    finally:
        db.close()


def _fill(db: Database, finished: int, queued: int) -> None:
    """Insert finished and queued jobs, as copies of one of each."""
    owners = [
        {
            "id": f"own_{number}",
            "queued": queued // OWNERS,
            "running": 0,
            "created_at": 0.0,
        }
        for number in range(OWNERS)
    ]
    with db.write() as session:
        session.execute(insert(Owner), owners)
    for first, end in ((0, finished), (finished, finished + queued)):
        with db.write() as session:
            session.execute(insert(Job), [_row(first, done=first < finished)])
        for begin in range(first + 1, end, _BATCH):
            with db.write() as session:
                dialect = session.connection().dialect.name
                numbers = range(begin, min(begin + _BATCH, end))
                session.execute(text(_copies(dialect, first, numbers)))
    with db.write() as session:
        session.connection().exec_driver_sql("ANALYZE")


def _copies(
    dialect: str, first: int, numbers: range, at: str = _AT, **columns: str
) -> str:
    """Return SQL that copies the job `first`, since single inserts take minutes."""
    changed = {
        "id": _ID[dialect],
        "owner_id": f"'own_' || (n % {OWNERS})",
        "created_at": at,
        "run_after": at,
        "ready_key": f"CASE WHEN ready_key IS NOT NULL THEN {at} END",
        "finished_at": f"CASE WHEN finished_at IS NOT NULL THEN {at} END",
        **columns,
    }
    names = [column.name for column in Job.__table__.columns if not column.computed]
    values = [changed.get(name, name) for name in names]
    return (
        f"WITH RECURSIVE numbers(n) AS (SELECT {numbers[0]} UNION ALL "  # noqa: S608 - no user input
        f"SELECT n + 1 FROM numbers WHERE n < {numbers[-1]}) "
        f"INSERT INTO jobs ({', '.join(names)}) SELECT {', '.join(values)} "
        f"FROM numbers CROSS JOIN jobs WHERE id = 'job_{first:026}'"
    )


def _row(number: int, *, done: bool) -> dict[str, object]:
    at = 1.7e9 + number / 100
    return {
        "id": f"job_{number:026}",
        "owner_id": f"own_{number % OWNERS}",
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


if __name__ == "__main__":
    main(sys.argv[1:] or list(SIZES))
