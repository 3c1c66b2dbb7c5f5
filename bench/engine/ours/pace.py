"""Seconds of one iteration of Impasto and of the lower bounds, measured in turns.

The speed of a machine varies, so values that are compared are measured in turns.
"""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image

from bench.engine.lower_bounds import DirectConvolutions, MatrixProduct
from bench.engine.ours.engine_run import start_run
from shared.params.style import StyleParams

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.engine.measured_process import Stopwatch, Task

_DTYPES = {"bf16": torch.bfloat16, "float32": torch.float32}
_WARM = 2  # the first iteration computes the targets, too


def work(task: Task, _clock: Stopwatch) -> dict[str, Any]:
    """Measure with the default parameters.

    `task.iterations` has the number of rounds, and that of iterations in each round.
    """
    rounds, each = task.iterations
    with Image.open(task.photo) as photo:
        width, height = photo.size
    product = MatrixProduct()
    direct = DirectConvolutions(height, width, _DTYPES[task.precision])
    schedule = ((task.edge, _WARM + rounds * each),)
    params = StyleParams(max_edge=task.edge, schedule=schedule, **task.settings)
    run = start_run(task, params)
    for _ in range(_WARM):
        next(run)
    rates, floors, ours = [], [], []
    for _ in range(rounds):
        rates.append(product.flop / _seconds(product))
        floors.append(_seconds(direct))
        ours += [_seconds(lambda: next(run)) for _ in range(each)]
    return {
        "height": height,
        "width": width,
        "gemm_gflops": max(rates) / 1e9,
        "direct_seconds": min(floors),
        "iteration_seconds": median(ours),
        "fastest_seconds": min(ours),
    }


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
