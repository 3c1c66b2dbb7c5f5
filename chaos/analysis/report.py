"""What episodes together showed, for people and as JSON.

`python -m chaos.analysis.report FILE...` tells it of several runs at once.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from chaos.analysis.recovery_times import compute_notification_delay, quantile
from chaos.farm_settings import LEAVING_SECONDS, RECOVERY_SECONDS, SECOND_FAULT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from chaos.episode import Outcome

    Episode = dict[str, Any]


def to_json(outcome: Outcome) -> Episode:
    """One episode as it stands in the JSON."""
    plan = outcome.plan
    return {
        "seed": plan.seed,
        "database": plan.database,
        "seconds": plan.seconds,
        "workers": plan.workers,
        "gap_seconds": plan.gap_seconds,
        "workers_only": plan.workers_only,
        "failover": plan.failover,
        "jobs": outcome.jobs,
        "states": outcome.states,
        "claims": outcome.claims,
        "forgotten": outcome.forgotten,
        "restarts": outcome.restarts,
        "settled_seconds": outcome.settled_seconds,
        "faults": [asdict(one) for one in outcome.faults],
        "recoveries": [asdict(one) for one in outcome.recoveries],
        "violations": [asdict(one) for one in outcome.violations],
        "calm": outcome.calm,
        "frozen": outcome.frozen,
    }


def format_verdict(episodes: Sequence[Episode]) -> str:
    """The last line."""
    jobs = sum(one["jobs"] for one in episodes)
    faults, violations = (
        sum(len(one[what]) for one in episodes) for what in ("faults", "violations")
    )
    return f"chaos: {jobs} jobs, {faults} faults, {violations} violations"


def format_episode(episode: Episode) -> str:
    """One episode in a few lines, its violations with the seed."""
    settled = episode["settled_seconds"]
    states = ", ".join(f"{count} {name}" for name, count in episode["states"].items())
    seed = f"seed {episode['seed']} on {episode['database']}"
    lines = [
        f"{seed}: {episode['jobs']} jobs ({states}), {len(episode['faults'])} faults, "
        f"{episode['claims']} claims, {episode['restarts']} workers restarted, "
        "settled in " + ("NEVER" if settled is None else f"{settled:.1f} s")
    ]
    if forgotten := episode.get("forgotten"):  # not there in older files
        lines.append(f"{forgotten} more jobs were forgotten with their commits")
    lines += [
        f"VIOLATION {seed}: {one['kind']}: {one['what']}: {one['why']}"
        for one in episode["violations"]
    ]
    return "\n".join(lines)


def format_fault_table(episodes: Sequence[Episode]) -> str:
    """Faults and recoveries by kind, as Markdown."""
    counts = Counter(fault["kind"] for one in episodes for fault in one["faults"])
    recoveries = [each for one in episodes for each in one["recoveries"]]
    lines = [
        (
            "| fault | times | interrupted jobs | ran again after, s: p50 | p95 | max "
            "| without another fault: jobs | p50 | p95 | max |"
        ),
        "| --- " + 9 * "| ---: " + "|",
    ]
    for kind, count in sorted(counts.items()):
        these = [each for each in recoveries if each["kind"] == kind]
        every = _figures([each["seconds"] for each in these])
        alone = _figures([each["seconds"] for each in these if each["alone"]])
        lines.append(f"| {kind} | {count} | {every} | {alone} |")
    return "\n".join(lines)


def format_bounds() -> str:
    """What follows from the settings for a job that has lost its worker."""
    return (
        f"bounds, Redis and the database being there: {RECOVERY_SECONDS:g} s, with a "
        f"second fault {SECOND_FAULT_SECONDS:g} s; SIGTERM {LEAVING_SECONDS:g} s"
    )


def format_response_times(episodes: Sequence[Episode]) -> str:
    """How long POST /v1/jobs took, in one line."""
    calm = [each for one in episodes for each in one["calm"]]
    frozen = [each for one in episodes for each in one["frozen"]]
    delay = compute_notification_delay(calm, frozen)
    if delay is None:
        return "POST /v1/jobs: no figures"
    return (
        f"POST /v1/jobs: median {1000 * median(calm):.0f} ms ({len(calm)}), with Redis "
        f"frozen at most {1000 * max(frozen):.0f} ms ({len(frozen)}): "
        f"{delay:.2f} s more"
    )


def save(path: Path, episodes: Sequence[Episode], about: Episode) -> None:
    """Write everything as JSON."""
    said = {**about, "verdict": format_verdict(episodes), "episodes": episodes}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(said, indent=1) + "\n")


def _figures(seconds: Sequence[float]) -> str:
    if not seconds:
        return "0 | - | - | -"
    middle, most = quantile(seconds, 0.5), quantile(seconds, 0.95)
    return f"{len(seconds)} | {middle:.1f} | {most:.1f} | {max(seconds):.1f}"


def _read(paths: Iterable[str]) -> list[Episode]:
    return [
        one for path in paths for one in json.loads(Path(path).read_text())["episodes"]
    ]


def main() -> None:
    """Tell of all runs whose JSON files are named."""
    episodes = _read(sys.argv[1:])
    lines = [
        *map(format_episode, episodes),
        format_fault_table(episodes),
        format_bounds(),
        format_response_times(episodes),
    ]
    sys.stdout.writelines(f"{line}\n" for line in (*lines, format_verdict(episodes)))


if __name__ == "__main__":
    main()
