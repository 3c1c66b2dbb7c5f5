"""Remaining work and time of a running job, from its last progress report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from shared.forecast.pace_model import DurationRange

if TYPE_CHECKING:
    from collections.abc import Sequence

    Stages = Sequence[tuple[int, int]]

_MEGA = 1e6
_DEFAULT_DEVIATION = 0.2  # of a time estimated from the current pace alone


class ProgressReport(BaseModel):
    """Progress of an attempt: the document in `jobs.progress`, written by heartbeats.

    Attributes:
        scale_costs: Seconds of an iteration, and of making the targets, per scale, as
            the worker expects them now; empty if nothing was measured.
        save_seconds: Seconds from the last iteration to the stored result.
        deviation: Mean of |ln(actual / expected)| of these estimates.
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
    deviation: float = _DEFAULT_DEVIATION
    elapsed_seconds: float | None = None
    updated_at: float | None = None

    @property
    def pixels(self) -> int | None:
        """Pixels of the current scale, if known."""
        if self.width is None or self.height is None:
            return None
        return self.width * self.height


def completed_share(stages: Stages, scale_index: int, report: ProgressReport) -> float:
    """Return the share of all pixels x iterations that is done, 0 to 1.

    Args:
        stages: (long side in px, iterations) per scale.
        scale_index: Index of the current scale.
        report: Last progress report of the worker.
    """
    total = sum(side**2 * count for side, count in stages)
    before = sum(side**2 * count for side, count in stages[:scale_index])
    current = stages[scale_index][0] ** 2 * report.scale_iteration
    return min(1.0, (before + current) / total)


def remaining_stages(stages: Stages, done_iterations: int) -> list[tuple[int, int]]:
    """Return the stages without the iterations that are done.

    Returns:
        (long side in px, iterations) per scale; 0 iterations for a finished scale.
    """
    remaining = []
    for side, count in stages:
        done = min(done_iterations, count)
        remaining.append((side, count - done))
        done_iterations -= done
    return remaining


def estimate_time_left(
    stages: Stages, scale_index: int, report: ProgressReport
) -> DurationRange | None:
    """Estimate the seconds that are left, with their range; None if not known yet.

    Args:
        stages: (long side in px, iterations) per scale, as they are planned now.
        scale_index: Index of the current scale.
        report: Last progress report of the worker.
    """
    if len(report.scale_costs) == len(stages):
        seconds = _seconds_by_costs(stages, scale_index, report)
        return DurationRange.from_deviation(seconds, report.deviation)
    by_pace = _seconds_by_pace(stages, scale_index, report)
    if by_pace is None:
        return None
    return DurationRange.from_deviation(by_pace, report.deviation)


def _seconds_by_costs(
    stages: Stages, scale_index: int, report: ProgressReport
) -> float:
    iteration, targets = report.scale_costs[scale_index]
    seconds = iteration * max(0, stages[scale_index][1] - report.scale_iteration)
    if report.phase == "loading":
        seconds += targets
    following = slice(scale_index + 1, None)
    later = zip(report.scale_costs[following], stages[following], strict=True)
    seconds += sum(
        iteration * count + targets
        for (iteration, targets), (_, count) in later
        if count
    )
    return seconds + report.save_seconds


def _seconds_by_pace(
    stages: Stages, scale_index: int, report: ProgressReport
) -> float | None:
    """Return the remaining megapixel-iterations at the pace of this attempt."""
    pace, pixels = report.seconds_per_mpx_iteration, report.pixels
    if pace is None or pixels is None:
        return None
    side, count = stages[scale_index]
    remaining = side**2 * max(0, count - report.scale_iteration)
    remaining += sum(later**2 * n for later, n in stages[scale_index + 1 :])
    # The stages name long sides; the picture's shape is that of the current scale.
    return pace * remaining * pixels / side**2 / _MEGA
