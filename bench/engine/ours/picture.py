"""Paints one picture, as a worker does."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from bench.engine.ours.engine_run import start_run
from shared.params.style import StyleParams
from worker.engine.images.tensors import to_pil_image

if TYPE_CHECKING:
    from bench.engine.measured_process import Stopwatch, Task
    from bench.engine.processes import Figures


def work(task: Task, _: Stopwatch) -> Figures:
    """Paint with the parameters in `settings`; leave the last picture."""
    params = StyleParams(max_edge=task.edge, **task.settings)
    (last,) = deque(start_run(task, params), maxlen=1)
    to_pil_image(last.image).save(task.picture)
    return {}
