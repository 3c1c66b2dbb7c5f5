"""How far a job is and how long it will take, from what its worker last said.

An iteration costs in proportion to its pixels, so work is counted in pixels times
iterations: a bar of iterations would stand at 75 % with half of the time to go.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from api.schemas import Progress, ScaleNow
from shared.states import JobState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.jobs import Glance, Moving
    from shared.models import Job

_MEGA = 1e6


class Told(BaseModel):
    """The document in `jobs.progress`, as a worker's heartbeat writes it."""

    model_config = ConfigDict(frozen=True)

    phase: str = "loading"
    scale: int = 0
    width: int | None = None
    height: int | None = None
    scale_iteration: int = 0
    iteration: int = 0
    losses: dict[str, float | None] = {}
    seconds_per_mpx_iteration: float | None = None
    elapsed_seconds: float | None = None
    updated_at: float | None = None


def present_progress(
    job: Job | Glance | Moving, stages: Sequence[tuple[int, int]]
) -> Progress | None:
    """Describe the progress of a job that has been claimed; None before.

    Args:
        job: Its row, or enough of it.
        stages: (long side in px, iterations) per scale, as they are planned by now.
    """
    if job.progress is None or job.state == JobState.QUEUED:
        return None
    told = Told.model_validate(job.progress)
    index = min(max(told.scale, 0), len(stages) - 1)
    finished = job.state == JobState.SUCCEEDED
    return Progress(
        fraction=1.0 if finished else round(work_done(stages, index, told), 4),
        phase=told.phase,
        scale=ScaleNow(
            index=index, count=len(stages), width=told.width, height=told.height
        ),
        iteration=job.iteration if finished else told.iteration,
        iterations=job.iterations,
        it_per_s=_speed(told),
        elapsed_s=told.elapsed_seconds,
        eta_s=None if job.finished_at else seconds_left(stages, index, told),
        losses={name: _finite(loss) for name, loss in told.losses.items()},
        updated_at=instant(told.updated_at),
    )


def work_done(stages: Sequence[tuple[int, int]], index: int, told: Told) -> float:
    """Share of all pixels x iterations that is done, 0 to 1."""
    total = sum(side**2 * count for side, count in stages)
    before = sum(side**2 * count for side, count in stages[:index])
    return min(1.0, (before + stages[index][0] ** 2 * told.scale_iteration) / total)


def seconds_left(
    stages: Sequence[tuple[int, int]], index: int, told: Told
) -> float | None:
    """Remaining megapixel-iterations at the pace of this attempt; None: no pace yet."""
    pace, pixels = told.seconds_per_mpx_iteration, _pixels(told)
    if pace is None or pixels is None:
        return None
    side, count = stages[index]
    left = side**2 * max(0, count - told.scale_iteration)
    left += sum(later**2 * n for later, n in stages[index + 1 :])
    # The stages name long sides; the picture's shape is that of the current scale.
    return round(pace * left * pixels / side**2 / _MEGA, 1)


def instant(seconds: float | None) -> datetime | None:
    """Turn seconds since 1970 into an aware time, UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _speed(told: Told) -> float | None:
    pace, pixels = told.seconds_per_mpx_iteration, _pixels(told)
    if not pace or not pixels:
        return None
    return round(_MEGA / (pace * pixels), 3)


def _pixels(told: Told) -> int | None:
    if told.width is None or told.height is None:
        return None
    return told.width * told.height


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
