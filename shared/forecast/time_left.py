"""What is left of a job, from what its worker last said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from shared.forecast.pace_model import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    Stages = Sequence[tuple[int, int]]

_MEGA = 1e6
_GUESS = 0.2  # deviation of a time that rests on the pace of the moment alone


class Told(BaseModel):
    """The document in `jobs.progress`, as a worker's heartbeat writes it.

    Attributes:
        scale_costs: Seconds of an iteration, and of making the targets, per scale, as
            its worker expects them by now; none: it has nothing to go by.
        save_seconds: From the last iteration to the stored result.
        deviation: How far off that may be: mean of |ln(actual / expected)|.
    """

    model_config = ConfigDict(frozen=True)

    phase: str = "loading"
    scale: int = 0
    width: int | None = None
    height: int | None = None
    scale_iteration: int = 0
    iteration: int = 0
    losses: dict[str, float | None] = {}
    seconds_per_mpx_iteration: float | None = None
    scale_costs: tuple[tuple[float, float], ...] = ()
    save_seconds: float = 0.0
    deviation: float = _GUESS
    elapsed_seconds: float | None = None
    updated_at: float | None = None

    @property
    def pixels(self) -> int | None:
        """Of the scale at hand."""
        if self.width is None or self.height is None:
            return None
        return self.width * self.height


def work_done(stages: Stages, index: int, told: Told) -> float:
    """Share of all pixels x iterations that is done, 0 to 1."""
    total = sum(side**2 * count for side, count in stages)
    before = sum(side**2 * count for side, count in stages[:index])
    return min(1.0, (before + stages[index][0] ** 2 * told.scale_iteration) / total)


def stages_left(stages: Stages, done: int) -> list[tuple[int, int]]:
    """(long side in px, iterations) per scale that are left after the first `done`."""
    left = []
    for side, count in stages:
        behind = min(done, count)
        left.append((side, count - behind))
        done -= behind
    return left


def time_left(stages: Stages, index: int, told: Told) -> Span | None:
    """Seconds that are left, and the range they lie in; None: nobody knows yet.

    Args:
        stages: (long side in px, iterations) per scale, as they are planned by now.
        index: Of the scale at hand.
        told: What the worker said.
    """
    if len(told.scale_costs) == len(stages):
        return Span.around(_by_costs(stages, index, told), told.deviation)
    seconds = _by_pace(stages, index, told)
    return None if seconds is None else Span.around(seconds, told.deviation)


def _by_costs(stages: Stages, index: int, told: Told) -> float:
    iteration, entry = told.scale_costs[index]
    left = iteration * max(0, stages[index][1] - told.scale_iteration)
    if told.phase == "loading":
        left += entry
    later = zip(told.scale_costs[index + 1 :], stages[index + 1 :], strict=True)
    left += sum(cost * count + enters for (cost, enters), (_, count) in later if count)
    return left + told.save_seconds


def _by_pace(stages: Stages, index: int, told: Told) -> float | None:
    """Remaining megapixel-iterations at the pace of this attempt."""
    pace, pixels = told.seconds_per_mpx_iteration, told.pixels
    if pace is None or pixels is None:
        return None
    side, count = stages[index]
    left = side**2 * max(0, count - told.scale_iteration)
    left += sum(later**2 * n for later, n in stages[index + 1 :])
    # The stages name long sides; the picture's shape is that of the current scale.
    return pace * left * pixels / side**2 / _MEGA
