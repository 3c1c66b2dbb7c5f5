"""Report: what was played, and for a violation the shortened plan and its trace."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.simulation.play import play
from tests.simulation.shrink import shrink

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.simulation.farm.databases import SeedDatabase
    from tests.simulation.faults import Step
    from tests.simulation.play import Outcome

MOST_TRIES = 60  # plans played to shorten one
_MOST_LINES = 150
_DAY_SECONDS = 86_400.0


def shorten(
    outcome: Outcome, plan: tuple[Step, ...], home: SeedDatabase
) -> tuple[tuple[Step, ...], Outcome]:
    """Find a shorter plan with a violation of the same kind, and play it."""
    kind = outcome.violations[0].kind

    def still_fails(shorter: tuple[Step, ...]) -> bool:
        played = play(outcome.seed, home, shorter)
        return any(one.kind == kind for one in played.violations)

    shortest = shrink(plan, still_fails, MOST_TRIES)
    return shortest, play(outcome.seed, home, shortest)


def describe_violation(outcome: Outcome, plan: Sequence[Step]) -> Iterator[str]:
    """Tell what was violated, by which plan, and what came to pass."""
    yield f"seed {outcome.seed}: {len(outcome.violations)} violations"
    for one in outcome.violations:
        yield f"  {one.kind}: {one.what}: {one.why}"
    yield "  plan: " + ", ".join(step.kind for step in plan)
    about = outcome.violations[0].what
    lines = [line for line in outcome.trace if _matters(line, about)]
    if len(lines) > _MOST_LINES:
        yield f"  ({len(lines) - _MOST_LINES} lines before)"
    for at, who, what in lines[-_MOST_LINES:]:
        yield f"  {at:11.3f}  {who:8}  {what}"


def _matters(line: tuple[float, str, str], about: str) -> bool:
    """Whether a line of the trace may explain a violation."""
    _, who, what = line
    if who == about:
        return not what.startswith("after")
    if not who or what.startswith(("exit", "TRAP", "is_", "drained", "SIGTERM")):
        return True
    return " -> " in what and (about in what or not about.startswith("job_"))


def summarize(outcomes: Iterable[Outcome], wall_seconds: float) -> Iterator[str]:
    """Tell how much was played."""
    played = list(outcomes)
    faults, states = Counter[str](), Counter[str]()
    for one in played:
        faults.update(one.faults)
        states.update(one.states)
    days = sum(one.virtual_seconds for one in played) / _DAY_SECONDS
    bad = [one.seed for one in played if one.violations]
    yield (
        f"{len(played)} seeds, {sum(one.jobs for one in played)} jobs, "
        f"{faults.total()} faults, {days:.1f} virtual days in {wall_seconds:.0f} s; "
        f"{len(bad)} seeds with violations {bad[:20] or ''}"
    )
    yield "  jobs: " + ", ".join(f"{n} {state}" for state, n in states.most_common())
    yield "  faults: " + ", ".join(f"{n} {kind}" for kind, n in faults.most_common())
    fewest = min(played, key=lambda one: sum(one.faults.values()))
    yield (
        f"  at least {min(one.jobs for one in played)} jobs and "
        f"{sum(fewest.faults.values())} faults per seed"
    )
