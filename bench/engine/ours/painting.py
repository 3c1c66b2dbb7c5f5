"""Impasto with given parameters: its picture at many moments of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.engine.ours.engine_run import start_run
from bench.engine.ours.race import deliver_moments
from shared.params.style import StyleParams

if TYPE_CHECKING:
    from bench.engine.measured_process import Stopwatch, Task


def work(task: Task, clock: Stopwatch) -> dict[str, Any]:
    """Run the schedule of the parameters; `task.iterations` is not used."""
    params = StyleParams(max_edge=task.edge, **task.settings)
    return deliver_moments(start_run(task, params), params.stages, task, clock)
