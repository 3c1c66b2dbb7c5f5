"""Peak memory at one size: a few iterations with the default parameters.

There is no pyramid, since smaller scales need less memory. 13 iterations fill the
history of L-BFGS.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bench.engine.ours.engine_run import start_run
from shared.params.style import StyleParams
from worker.engine.images.tensors import to_pil_image

if TYPE_CHECKING:
    from torch import Tensor

    from bench.engine.measured_process import Stopwatch, Task


def work(task: Task, _: Stopwatch) -> dict[str, Any]:
    """Run `task.iterations` iterations."""
    schedule = ((task.edge, task.iterations[0]),)
    params = StyleParams(max_edge=task.edge, schedule=schedule, **task.settings)
    ended = [0.0, time.perf_counter()]
    image: Tensor | None = None
    for iterate in start_run(task, params):
        image, ended = iterate.image, [ended[-1], time.perf_counter()]
    if image is not None:
        to_pil_image(image).save(task.picture)
    last = ended[1] - ended[0]
    return {"optimizer": params.optimizer, "last_iteration_seconds": last}
