"""`python -m chaos`: run chaos episodes, and report whether the promises were kept."""

from __future__ import annotations

import argparse
import platform
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from chaos import leave_on_sigterm
from chaos.analysis.report import (
    format_bounds,
    format_episode,
    format_fault_table,
    format_response_times,
    format_verdict,
    save,
    to_json,
)
from chaos.episode import Plan, run_episode
from chaos.farm.infrastructure import POSTGRESQL, SQLITE, MissingDependency

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaos.farm.running_farm import RunningFarm

KEPT = Path(".chaos")
_OVERHEAD_SECONDS = 25.0  # per episode, to start and to settle


def main() -> int:
    """Run all episodes; return 1 if a promise was broken, 2 if a server is missing."""
    options = _options()
    leave_on_sigterm()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    episodes: list[dict[str, Any]] = []
    pictures: dict[int, bytes] = {}
    try:
        for plan in _plans(options):
            episodes.append(to_json(run_episode(plan, pictures)))
            _say(format_episode(episodes[-1]))
            save(options.json, episodes, _about(options))
    except MissingDependency as error:
        _say(f"chaos: {error}")
        return 2
    _say(format_fault_table(episodes))
    _say(format_bounds())
    _say(format_response_times(episodes))
    _say(format_verdict(episodes))
    return 1 if any(one["violations"] for one in episodes) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="in all")
    parser.add_argument("--seed", type=int, default=1, help="the first")
    parser.add_argument("--seeds", type=int, default=2, help="how many episodes")
    parser.add_argument(
        "--database", choices=[SQLITE, POSTGRESQL, "both"], default="both"
    )
    parser.add_argument("--workers", type=int, default=6)
    parser.add_argument("--gap", type=float, default=0.5, help="seconds per fault")
    parser.add_argument(
        "--workers-only", action="store_true", help="break workers, nothing else"
    )
    parser.add_argument(
        "--failover",
        action="store_true",
        help="PostgreSQL only, and standbys take its place without the last commits",
    )
    parser.add_argument("--json", type=Path, default=KEPT / "chaos.json")
    return parser.parse_args()


def _plans(options: argparse.Namespace) -> Iterator[Plan]:
    """Yield the plan of each episode: increasing seeds, alternating databases."""
    share = options.seconds / options.seeds - _OVERHEAD_SECONDS
    for seed in range(options.seed, options.seed + options.seeds):
        database = POSTGRESQL if options.failover else options.database
        if database == "both":
            database = (POSTGRESQL, SQLITE)[seed % 2]
        yield Plan(
            seed=seed,
            database=database,
            seconds=max(10.0, share),
            workers=options.workers,
            gap_seconds=options.gap,
            workers_only=options.workers_only,
            failover=options.failover,
            keep=lambda scene, seed=seed: _keep_logs(scene, seed),
        )


def _keep_logs(scene: RunningFarm, seed: int) -> None:
    """Copy the logs and the database of an episode that broke a promise."""
    folder = KEPT / f"seed-{seed}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in scene.environment.home.iterdir():
        if path.is_file():
            shutil.copy(path, folder / path.name)


def _about(options: argparse.Namespace) -> dict[str, str]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "command": f"python -m chaos {' '.join(sys.argv[1:])}",
        "gap": str(options.gap),
    }


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
