"""How far a job is and how long it will take, from what its worker last said.

An iteration costs in proportion to its pixels, so work is counted in pixels times
iterations: a bar of iterations would stand at 75 % with half of the time to go.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from api.instants import instant
from api.schemas import Progress, ScaleNow
from shared.remaining import Told, time_left, work_done
from shared.states import JobState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.jobs import Glance, Moving
    from shared.models import Job

_MEGA = 1e6


def present_progress(
    job: Job | Glance | Moving, stages: Sequence[tuple[int, int]]
) -> Progress | None:
    """Describe the progress of a job that has been claimed; None before.

    While it waits to go on, that is what its checkpoint has: None, if it had got
    further than that.

    Args:
        job: Its row, or enough of it.
        stages: (long side in px, iterations) per scale, as they are planned by now.
    """
    if job.progress is None:
        return None
    told = Told.model_validate(job.progress)
    waits = job.state == JobState.QUEUED
    if waits and told.iteration > job.ckpt_iter:
        return None
    index = min(max(told.scale, 0), len(stages) - 1)
    finished = job.state == JobState.SUCCEEDED
    return Progress(
        fraction=1.0 if finished else round(work_done(stages, index, told), 4),
        phase="waiting" if waits else told.phase,
        scale=ScaleNow(
            index=index, count=len(stages), width=told.width, height=told.height
        ),
        iteration=job.iteration if finished else told.iteration,
        iterations=job.iterations,
        it_per_s=_speed(told),
        elapsed_s=told.elapsed_seconds,
        **_time_left(stages, index, told, runs=not waits and job.finished_at is None),
        losses={name: _finite(loss) for name, loss in told.losses.items()},
        updated_at=instant(told.updated_at),
    )


def _time_left(
    stages: Sequence[tuple[int, int]], index: int, told: Told, *, runs: bool
) -> dict[str, Any]:
    """As it was when the worker said so: whoever reads it knows `updated_at`."""
    left = time_left(stages, index, told) if runs else None
    if left is None:
        return dict.fromkeys(("eta_s", "eta_at", "eta_low_s", "eta_high_s"))
    at = None if told.updated_at is None else told.updated_at + left.seconds
    return {
        "eta_s": round(left.seconds, 1),
        "eta_at": instant(at),
        "eta_low_s": round(left.low, 1),
        "eta_high_s": round(left.high, 1),
    }


def _speed(told: Told) -> float | None:
    pace, pixels = told.seconds_per_mpx_iteration, told.pixels
    if not pace or not pixels:
        return None
    return round(_MEGA / (pace * pixels), 3)


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
