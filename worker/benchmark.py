"""Benchmark at the start of a worker: a first pace where no job was measured yet."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog
import torch

from shared.errors import DatabaseUnavailable
from shared.forecast.pace_model import PaceStep, style_method
from shared.forecast.pace_store import PaceMeasurement, is_pace_measured, seed_paces
from shared.params.style import StyleParams
from worker.devices.device import describe_setup
from worker.engine.images.inputs import Style, TransferInputs
from worker.engine.transfer import stylize

if TYPE_CHECKING:
    from shared.params.networks import NetworkName
    from worker.context import WorkerContext
    from worker.engine.vgg.network import Network

log = structlog.get_logger(__name__)

_FRESH_SECONDS = 30 * 86_400.0
_SIDES_PX = (96, 192)
_ITERATIONS = 5


def run_benchmark(context: WorkerContext) -> None:
    """Measure a few small iterations, unless jobs were measured within 30 days.

    It ends with the first iteration after the time that `benchmark_seconds` allows.
    """
    budget = context.settings.benchmark_seconds
    params = StyleParams(max_edge=_SIDES_PX[0])
    setup = describe_setup(context.settings, context.device)
    method = style_method(params.model_dump())
    try:
        if not budget or is_pace_measured(context.db, setup, method, _FRESH_SECONDS):
            return
        started_at = time.monotonic()
        measured = _measure(context, params.network, started_at + budget)
        seed_paces(context.db, setup, method, measured)
    except DatabaseUnavailable as error:
        log.warning("benchmark_skipped", error=str(error))
        return
    log.info(
        "benchmark_completed",
        seconds=round(time.monotonic() - started_at, 2),
        setup=setup,
    )


def _measure(
    context: WorkerContext, name: NetworkName, ends_at: float
) -> list[PaceMeasurement]:
    network, _ = context.networks.get(name)
    timings = ((side, _iteration_seconds(network, side, ends_at)) for side in _SIDES_PX)
    return [
        PaceMeasurement(PaceStep.ITERATION, side * side / 1e6, seconds)
        for side, seconds in timings
        if seconds is not None
    ]


def _iteration_seconds(network: Network, side: int, ends_at: float) -> float | None:
    """Return the duration of the shortest of a few iterations at a square image.

    Longer ones waited for other processes: many start together with this one. None if
    there was no time for it.
    """
    params = StyleParams(max_edge=side, schedule=((side, _ITERATIONS),))
    noise = torch.rand((1, 3, side, side), generator=torch.Generator().manual_seed(0))
    inputs = TransferInputs(noise, (Style(noise.flip(-1)),))
    durations: list[float] = []
    last = time.monotonic()
    if last > ends_at:
        return None
    for _ in stylize(inputs, params, network):
        now = time.monotonic()
        durations.append(now - last)
        last = now
        if now > ends_at:
            break
    return min(durations[1:], default=None)  # the first one also computed the targets
