"""Impasto optimizing J: its picture at many moments of a run.

Each moment includes the time of writing its picture, since a run that ends there has
to write it. For later moments, this time is left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from bench.engine.ours.configuration import make_objective_params, make_schedule
from bench.engine.ours.engine_run import start_run
from shared.params.style import StyleParams
from worker.engine.images.tensors import to_pil_image

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.engine.measured_process import Stopwatch, Task
    from shared.params.schedule import Stage
    from worker.engine.snapshot import Iterate

FACTOR = "content_factor"  # name of the factor in `task.settings`

_CLOSELY = 20  # first iterations of the last scale, which are all moments
_STRIDE = 5  # iterations between later moments


def work(task: Task, clock: Stopwatch) -> dict[str, Any]:
    """Run a race; `task.iterations` has the iterations of each scale.

    `task.settings` has the FACTOR of J's content weight.
    """
    with Image.open(task.photo) as photo:
        width, height = photo.size
    schedule = make_schedule(task.edge, task.iterations)
    settings = dict(task.settings)
    factor = settings.pop(FACTOR)
    known = make_objective_params(height, width, content_factor=factor) | settings
    params = StyleParams(max_edge=task.edge, schedule=schedule, **known)
    return deliver_moments(start_run(task, params), schedule, task, clock)


def deliver_moments(
    run: Iterator[Iterate], schedule: Sequence[Stage], task: Task, clock: Stopwatch
) -> dict[str, Any]:
    """Write pictures of the last scale of a run: all at first, then every fifth."""
    moments = [
        _deliver(iterate, Path(task.folder), clock)
        for iterate in run
        if iterate.scale == len(schedule) - 1 and _is_kept(iterate, schedule[-1][1])
    ]
    return {"moments": moments, "picture": moments[-1]["picture"]}


def _is_kept(iterate: Iterate, last: int) -> bool:
    done = iterate.scale_iteration
    return done <= _CLOSELY or done % _STRIDE == 0 or done == last


def _deliver(iterate: Iterate, folder: Path, clock: Stopwatch) -> dict[str, Any]:
    path = folder / f"{iterate.iteration:04}.png"
    before = clock()
    to_pil_image(iterate.image).save(path)
    seconds = clock()
    clock.set_back(seconds - before)
    return {"iteration": iterate.iteration, "seconds": seconds, "picture": str(path)}
