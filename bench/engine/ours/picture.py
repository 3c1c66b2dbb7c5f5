"""Impasto with given parameters: one picture, computed as by a worker."""

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
    """Run the parameters in `task.settings`; write the last picture."""
    params = StyleParams(max_edge=task.edge, **task.settings)
    (last,) = deque(start_run(task, params), maxlen=1)
    to_pil_image(last.image).save(task.picture)
    return {}
