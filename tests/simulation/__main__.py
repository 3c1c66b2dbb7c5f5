"""`python -m tests.simulation --seeds 500`: plays seeds, and judges each of them."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from tests.simulation.farm.databases import SeedDatabase
from tests.simulation.faults import draw_plan
from tests.simulation.play import play
from tests.simulation.pool import play_all
from tests.simulation.report import describe_violation, shorten, summarize
from tests.support.redis_and_postgresql import postgresql_folder, running_postgresql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulation.play import Outcome

PROGRESS_SECONDS = 10.0


def main() -> int:
    """Play the seeds, print what came of it; 1 if a promise was broken."""
    arguments = _parse()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(50),
        cache_logger_on_first_use=True,
    )
    started_at = time.monotonic()
    with _urls(arguments.database, arguments.processes) as urls:
        if arguments.replay is not None:
            return _replay(arguments.replay, urls[0], arguments.whole)
        seeds = range(arguments.seed, arguments.seed + arguments.seeds)
        outcomes = []
        for outcome in play_all(seeds, urls):
            outcomes.append(outcome)
            _tell(
                f"seed {outcome.seed}: {one.kind}: {one.what}: {one.why}"
                for one in outcome.violations
            )
            _tell_progress(outcomes, started_at)
            is_late = time.monotonic() - started_at > arguments.seconds
            if is_late or (outcome.violations and arguments.first):
                break
        _tell(summarize(outcomes, time.monotonic() - started_at))
        bad = sorted(one.seed for one in outcomes if one.violations)
        for seed in bad[: arguments.explain]:
            _replay(seed, urls[0], False)
    return 1 if bad else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=500, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="the first")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after these")
    parser.add_argument(
        "--database", choices=["sqlite", "postgresql"], default="sqlite"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--replay", type=int, help="play one seed, and shorten it")
    parser.add_argument("--whole", action="store_true", help="print the whole trace")
    parser.add_argument("--first", action="store_true", help="stop at a violation")
    parser.add_argument("--explain", type=int, default=1, help="violations to explain")
    return parser.parse_args()


@contextmanager
def _urls(database: str, count: int) -> Iterator[list[str]]:
    """Addresses of a database for each child process."""
    if database == "postgresql":
        programs = postgresql_folder()
        if programs is None:
            raise SystemExit("PostgreSQL is not installed")
        with running_postgresql(programs) as server:
            yield [server.url(server.create_database()) for _ in range(count)]
        return
    memory = Path("/dev/shm")  # noqa: S108 - the folder below it has a random name
    place = memory if memory.is_dir() else None
    with tempfile.TemporaryDirectory(dir=place) as folder:
        yield [f"sqlite:///{folder}/{number}.sqlite" for number in range(count)]


def _replay(seed: int, url: str, whole: bool) -> int:
    """Play one seed again, and print its violation, shortened."""
    home = SeedDatabase(url)
    plan = draw_plan(seed)
    outcome = play(seed, home)
    if whole:
        _tell(f"{at:11.3f}  {who:8}  {what}" for at, who, what in outcome.trace)
    _tell([f"seed {seed}: trace {outcome.digest[:16]}, {outcome.steps} steps"])
    if outcome.violations:
        plan, outcome = shorten(outcome, plan, home)
        _tell(describe_violation(outcome, plan))
    home.close()
    return 1 if outcome.violations else 0


def _tell_progress(outcomes: list[Outcome], started_at: float) -> None:
    seconds = time.monotonic() - started_at
    before = getattr(_tell_progress, "told_at", 0.0)
    if seconds - before >= PROGRESS_SECONDS:
        setattr(_tell_progress, "told_at", seconds)  # noqa: B010
        faults = sum(sum(one.faults.values()) for one in outcomes)
        bad = sum(bool(one.violations) for one in outcomes)
        line = f"{seconds:5.0f} s: {len(outcomes)} seeds, {faults} faults, {bad} bad"
        _tell([line])


def _tell(lines: Iterator[str] | list[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
