"""Schedules: the sizes of the picture, and the iterations at each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

if TYPE_CHECKING:
    from collections.abc import Sequence

Quality = Literal["draft", "standard", "fine"]
# Long side in px, and number of iterations.
Stage = tuple[Annotated[int, Field(ge=16)], Annotated[int, Field(ge=1)]]

MAX_ITERATIONS = 20_000
SMALLEST_SIDE_PX = 96  # smaller pictures show no forms that could be optimized

# Iterations at the smallest scale, at each scale between, and at the last one.
_ITERATIONS: dict[Quality, tuple[int, int, int]] = {
    "draft": (60, 30, 20),
    "standard": (100, 60, 50),
    "fine": (200, 120, 150),
}


def make_schedule(quality: Quality, max_edge: int) -> tuple[tuple[int, int], ...]:
    """Make a coarse-to-fine schedule: halve the long side down to 96 px or a bit more.

    Most iterations run at small scales: the cost of an iteration is proportional to its
    pixels, and the large forms develop at the small scales.

    Args:
        quality: Quality that decides the number of iterations.
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


def validate_schedule(schedule: Sequence[Stage], max_edge: int) -> None:
    """Check a schedule that a client has sent.

    Raises:
        ValueError: It does not grow up to `max_edge`, or has too many iterations.
    """
    sides = [side for side, _ in schedule]
    if not sides or sides != sorted(set(sides)) or sides[-1] != max_edge:
        raise ValueError(f"sides must grow and end with max_edge ({max_edge})")
    if (total := sum(count for _, count in schedule)) > MAX_ITERATIONS:
        raise ValueError(f"{total} iterations in all, at most {MAX_ITERATIONS}")
