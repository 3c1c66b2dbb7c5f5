"""Shrinking: leaves out steps of a plan while the same violation is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.faults import Step

Plan = tuple["Step", ...]


def shrink(plan: Plan, still_fails: Callable[[Plan], bool], most_tries: int) -> Plan:
    """Leave out ever smaller parts of a plan.

    Args:
        plan: Plan that leads to the violation.
        still_fails: Whether a shorter plan leads to it, too.
        most_tries: How many plans to play at most.
    """
    size = max(1, len(plan) // 2)
    while most_tries > 0:
        place = 0
        while place < len(plan) and most_tries > 0:
            shorter = plan[:place] + plan[place + size :]
            most_tries -= 1
            if shorter and still_fails(shorter):
                plan = shorter
            else:
                place += size
        if size == 1:
            break
        size = max(1, size // 2)
    return plan
