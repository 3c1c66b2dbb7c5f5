"""A run in legs: stretches of iterations with the same parameters at one scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.steering import steered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.params import StyleParams
    from shared.steering import Segment


@dataclass(frozen=True, slots=True)
class Leg:
    """What is optimized until the next change.

    Attributes:
        params: In force.
        end: The iteration it ends with, counted over all scales.
        turns: Whether it begins with another objective, so that what the optimizer has
            learned about the curvature no longer holds.
        closes: Whether it ends the scale, so that no later step can undo its last one.
    """

    params: StyleParams
    end: int
    turns: bool
    closes: bool


def leg_at(
    params: StyleParams, segments: Sequence[Segment], scale: int, iteration: int
) -> Leg:
    """What holds after `iteration` iterations, at `scale`.

    Args:
        params: As submitted.
        segments: All changes, by the iteration they begin at.
        scale: Index from 0.
        iteration: Done so far, over all scales as planned: one that stopped early
            counts in full.
    """
    now = steered(
        params, [each for each in segments if each.from_iteration <= iteration]
    )
    end = scale_end(now, scale)
    ahead = [
        each.from_iteration
        for each in segments
        if iteration < each.from_iteration < end
    ]
    return Leg(
        params=now,
        end=min([end, *ahead]),
        turns=any(
            each.from_iteration == iteration and each.changes.bends for each in segments
        ),
        closes=not ahead,
    )


def scale_end(params: StyleParams, scale: int) -> int:
    """Iterations planned up to the end of a scale."""
    return sum(count for _, count in params.stages[: scale + 1])
