"""What all episodes together showed, for people and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from statistics import median
from typing import TYPE_CHECKING, Any

from chaos.recovery import quantile, ring_delay

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from chaos.episode import Outcome


def verdict(outcomes: Sequence[Outcome]) -> str:
    """The last line."""
    jobs = sum(one.jobs for one in outcomes)
    faults = sum(len(one.faults) for one in outcomes)
    violations = sum(len(one.violations) for one in outcomes)
    return f"chaos: {jobs} jobs, {faults} faults, {violations} violations"


def told(outcome: Outcome) -> str:
    """One episode in a few lines, its violations with the seed."""
    plan, settled = outcome.plan, outcome.settled_seconds
    states = ", ".join(f"{count} {state}" for state, count in outcome.states.items())
    lines = [
        f"seed {plan.seed} on {plan.database}: {outcome.jobs} jobs ({states}), "
        f"{len(outcome.faults)} faults, {outcome.claims} claims, "
        f"{outcome.restarts} workers restarted, settled in "
        + ("NEVER" if settled is None else f"{settled:.1f} s")
    ]
    seed = f"seed {plan.seed} on {plan.database}"
    lines += [
        f"VIOLATION {seed}: {one.kind}: {one.what}: {one.why}"
        for one in outcome.violations
    ]
    return "\n".join(lines)


def table(outcomes: Sequence[Outcome]) -> str:
    """Faults and recoveries by kind, as Markdown."""
    counts = Counter(fault.kind for one in outcomes for fault in one.faults)
    lines = [
        "| fault | times | job ran again after, s: p50 | p95 | max | jobs |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for kind, count in sorted(counts.items()):
        seconds = [
            each.seconds
            for one in outcomes
            for each in one.recoveries
            if each.kind == kind
        ]
        figures = "- | - | - | 0"
        if seconds:
            figures = (
                f"{quantile(seconds, 0.5):.1f} | {quantile(seconds, 0.95):.1f} | "
                f"{max(seconds):.1f} | {len(seconds)}"
            )
        lines.append(f"| {kind} | {count} | {figures} |")
    return "\n".join(lines)


def answers(outcomes: Sequence[Outcome]) -> str:
    """How long POST /v1/jobs took, in one line."""
    calm = [each for one in outcomes for each in one.calm]
    frozen = [each for one in outcomes for each in one.frozen]
    if not calm or not frozen:
        return "POST /v1/jobs: no figures"
    return (
        f"POST /v1/jobs: median {1000 * median(calm):.0f} ms ({len(calm)}), with Redis "
        f"frozen at most {1000 * max(frozen):.0f} ms ({len(frozen)}): "
        f"{ring_delay(calm, frozen):.2f} s more"
    )


def save(path: Path, outcomes: Sequence[Outcome], about: dict[str, Any]) -> None:
    """Write everything as JSON."""
    said = {
        **about,
        "verdict": verdict(outcomes),
        "episodes": [_plain(one) for one in outcomes],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(said, indent=1) + "\n")


def _plain(outcome: Outcome) -> dict[str, Any]:
    plan = outcome.plan
    return {
        "seed": plan.seed,
        "database": plan.database,
        "seconds": plan.seconds,
        "workers": plan.workers,
        "jobs": outcome.jobs,
        "states": outcome.states,
        "claims": outcome.claims,
        "restarts": outcome.restarts,
        "settled_seconds": outcome.settled_seconds,
        "faults": [asdict(one) for one in outcome.faults],
        "recoveries": [asdict(one) for one in outcome.recoveries],
        "violations": [asdict(one) for one in outcome.violations],
        "calm": outcome.calm,
        "frozen": outcome.frozen,
    }
