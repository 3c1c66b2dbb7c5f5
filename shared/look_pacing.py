"""How long an exploration takes: every picture is one step, and none is like another.

Sizes are those of a square with the longest side allowed, as a forecast has to do
without the pictures: what they lack of it is in the measured pace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.pacing import UNKNOWN_DEVIATION, Cost, Costs, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.pacing import Paces

# Of a look that is taken for an iteration of a style job: it goes through the network
# in one direction instead of two, but reads a file and works in float32.
ASSUMED_DEVIATION = 0.6


def look_method(params: Mapping[str, Any]) -> str:
    """Name what decides how long a look takes, besides its size.

    Args:
        params: Of an exploration, as its row holds them.
    """
    return f"explore {params['network']} {max(params['layers'])}"


def look_size(max_edge: int) -> float:
    """Megapixels that a picture is counted as."""
    return max_edge**2 / 1e6


def look_costs(paces: Paces, max_edge: int, pictures: int) -> Costs | None:
    """What an exploration takes; None where nothing was ever measured.

    Where no exploration was, a look is taken for an iteration of a style job: the
    deviation says how little that means.

    Args:
        paces: Of its method.
        max_edge: Longest side of the pictures, px.
        pictures: How many there are, seen or not: the sheets are cut from all.
    """
    step = Step.LOOK if Step.LOOK in paces.curves else Step.ITERATION
    if step not in paces.curves:
        return None
    size = look_size(max_edge)
    deviation = paces.curves[step].deviation(size)
    if step is Step.ITERATION:
        deviation = max(deviation, ASSUMED_DEVIATION)
    elif not paces.is_own:
        deviation = max(deviation, UNKNOWN_DEVIATION)
    return Costs(
        (Cost(paces.seconds(step, size), 0.0),),
        load=paces.seconds(Step.LOAD, size),
        save=paces.seconds(Step.SAVE, size * pictures),
        deviation=deviation,
    )
