"""Estimated durations of jobs on each kind of worker, by their remaining work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.forecast.pace_model import (
    explore_cost,
    explore_method,
    scale_megapixels,
    style_method,
)
from shared.forecast.time_left import remaining_stages
from shared.params.kinds import JobKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.forecast.pace_model import DurationRange
    from shared.forecast.pace_store import PaceTable


@dataclass(frozen=True, slots=True)
class RemainingWork:
    """Work that a job still has to do.

    Attributes:
        kind: Kind of the job.
        params: Parameters as stored in its row, with the schedule as planned now.
        size: Width and height of its photo, or of anything of its shape.
        done_iterations: Iterations, or pictures, that need not be done again.
    """

    kind: JobKind
    params: Mapping[str, Any]
    size: tuple[int, int] = (1, 1)
    done_iterations: int = 0

    @property
    def stages(self) -> Sequence[tuple[int, int]]:
        """(long side in px, iterations) per scale; an exploration has one scale."""
        if self.kind == JobKind.EXPLORE:
            return ((1, len(self.params["pictures"])),)
        return self.params["schedule"]  # type: ignore[no-any-return]  # checked JSON


def durations_by_setup(
    pace_table: PaceTable, setups: Sequence[str], work: RemainingWork
) -> dict[str, DurationRange]:
    """Estimate the duration on each kind of worker whose pace is known.

    Args:
        pace_table: Measured paces.
        setups: Kinds of workers.
        work: Work to be done.
    """
    estimate = _DURATIONS[work.kind]
    durations = ((setup, estimate(pace_table, setup, work)) for setup in setups)
    return {setup: duration for setup, duration in durations if duration is not None}


def _style_duration(
    pace_table: PaceTable, setup: str, work: RemainingWork
) -> DurationRange | None:
    if not work.params.get("schedule"):
        return None
    stages = remaining_stages(work.stages, work.done_iterations)
    sizes = scale_megapixels(stages, *work.size)
    counts = [count for _, count in stages]
    model = pace_table.pace_model(setup, style_method(work.params))
    cost = model.job_cost(list(zip(sizes, counts, strict=True)))
    return None if cost is None else cost.duration(counts)


def _explore_duration(
    pace_table: PaceTable, setup: str, work: RemainingWork
) -> DurationRange | None:
    params, picture_count = work.params, len(work.params["pictures"])
    model = pace_table.explore_pace_model(setup, explore_method(params))
    cost = explore_cost(model, params["max_edge"], picture_count)
    if cost is None:
        return None
    return cost.duration([max(0, picture_count - work.done_iterations)])


_DURATIONS = {JobKind.STYLE: _style_duration, JobKind.EXPLORE: _explore_duration}
