"""How many iterations run at which size: made from a quality by a static rule."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

Quality = Literal["draft", "standard", "fine"]
# Long side in px, and iterations.
Stage = tuple[Annotated[int, Field(ge=16)], Annotated[int, Field(ge=1)]]

MAX_ITERATIONS = 20_000
SMALLEST_SIDE_PX = 96  # below it a picture has no forms left to settle

# Iterations at the smallest scale, at those between, and at the last one.
_ITERATIONS: dict[Quality, tuple[int, int, int]] = {
    "draft": (60, 30, 20),
    "standard": (100, 60, 50),
    "fine": (200, 120, 150),
}


def make_schedule(quality: Quality, max_edge: int) -> tuple[tuple[int, int], ...]:
    """Plan coarse to fine: halve the long side down to 96 px or a little more.

    Most iterations run where they are cheap: an iteration costs in proportion to its
    pixels, and the large forms are settled at the small scales.

    Args:
        quality: How much work to spend.
        max_edge: Long side of the result, px.

    Returns:
        (long side in px, iterations) per scale, small to large.
    """
    sides = [max_edge]
    while sides[0] >= 2 * SMALLEST_SIDE_PX:
        sides.insert(0, sides[0] // 2)
    first, between, last = _ITERATIONS[quality]
    if len(sides) == 1:
        return ((max_edge, first + last),)
    middle = [(side, between) for side in sides[1:-1]]
    return ((sides[0], first), *middle, (sides[-1], last))
