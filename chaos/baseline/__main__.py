"""`python -m chaos.baseline`: print what the same faults do to plain Celery."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from chaos import leave_on_sigterm
from chaos.baseline.episode import PlainOutcome, run_episode

if TYPE_CHECKING:
    from collections.abc import Sequence


def main() -> int:
    """Run the episodes of all seeds with Celery's defaults, then with acks_late."""
    parser = argparse.ArgumentParser(prog="chaos.baseline", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of each episode")
    parser.add_argument("--seed", type=int, default=1, help="the first")
    parser.add_argument("--seeds", type=int, default=2, help="episodes of each kind")
    parser.add_argument("--gap", type=float, default=0.5, help="seconds per fault")
    parser.add_argument("--no-flush", action="store_true", help="spare it FLUSHALL")
    parser.add_argument("--json", type=Path, default=Path(".chaos/baseline.json"))
    options = parser.parse_args()
    leave_on_sigterm()
    outcomes = []
    for seed in range(options.seed, options.seed + options.seeds):
        for acks_late in (False, True):
            done = run_episode(
                seed,
                options.seconds,
                acks_late=acks_late,
                gap=options.gap,
                flushes=not options.no_flush,
            )
            outcomes.append(done)
            sys.stdout.write(f"{done}\n")
            sys.stdout.flush()
            options.json.parent.mkdir(parents=True, exist_ok=True)
            options.json.write_text(json.dumps([asdict(one) for one in outcomes]))
    sys.stdout.write(table(outcomes) + "\n")
    return 0


def table(outcomes: Sequence[PlainOutcome]) -> str:
    """Return a table of both configurations of Celery, as Markdown."""
    lines = [
        "| | tasks | faults | lost | of these ran | stuck | twice | failed | wrong |",
        "| --- " + 8 * "| ---: " + "|",
    ]
    for name, acks_late in (("defaults", False), ("`acks_late`", True)):
        these = [one for one in outcomes if one.acks_late is acks_late]
        faults = sum(sum(one.faults.values()) for one in these)
        counts = [
            sum(getattr(one, what) for one in these)
            for what in ("lost", "gone", "stuck", "doubled", "failed", "wrong")
        ]
        tasks = sum(one.tasks for one in these)
        figures = " | ".join(str(each) for each in (tasks, faults, *counts))
        lines.append(f"| {name} | {figures} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
