"""A short measurement at the start of a worker, where no job has said anything yet."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog
import torch

from shared.errors import DatabaseUnavailable
from shared.forecast.pace_model import Step, method_of
from shared.forecast.pace_store import Measured, is_pace_known, seed_paces
from shared.params.style import StyleParams
from worker.devices.device import setup_of
from worker.engine.images.inputs import Sources, Style
from worker.engine.transfer import stylize

if TYPE_CHECKING:
    from shared.params.networks import NetworkName
    from worker.context import Tools
    from worker.engine.vgg.network import Network

log = structlog.get_logger(__name__)

_FRESH_SECONDS = 30 * 86_400.0
_SIDES_PX = (96, 192)
_ITERATIONS = 5


def warm_up(tools: Tools) -> None:
    """Measure a few small iterations, unless jobs have been measured lately.

    It ends with the first iteration after the time that the setting allows.
    """
    budget = tools.settings.benchmark_seconds
    params = StyleParams(max_edge=_SIDES_PX[0])
    setup = setup_of(tools.settings, tools.device)
    method = method_of(params.model_dump())
    try:
        if not budget or is_pace_known(tools.db, setup, method, _FRESH_SECONDS):
            return
        began = time.monotonic()
        measured = _measured(tools, params.network, began + budget)
        seed_paces(tools.db, setup, method, measured)
    except DatabaseUnavailable as error:
        log.warning("benchmark_skipped", error=str(error))
        return
    log.info("benchmark_completed", seconds=round(time.monotonic() - began, 2), setup=setup)


def _measured(tools: Tools, name: NetworkName, ends_at: float) -> list[Measured]:
    network, _ = tools.networks.get(name)
    timed = ((side, _iteration_seconds(network, side, ends_at)) for side in _SIDES_PX)
    return [
        Measured(Step.ITERATION, side * side / 1e6, seconds)
        for side, seconds in timed
        if seconds is not None
    ]


def _iteration_seconds(network: Network, side: int, ends_at: float) -> float | None:
    """The shortest of a few iterations at a square of this side.

    What is longer was waiting for others: many processes start together with this one.
    None: there was no time for it.
    """
    params = StyleParams(max_edge=side, schedule=((side, _ITERATIONS),))
    noise = torch.rand((1, 3, side, side), generator=torch.Generator().manual_seed(0))
    sources = Sources(noise, (Style(noise.flip(-1)),))
    took: list[float] = []
    last = time.monotonic()
    if last > ends_at:
        return None
    for _ in stylize(sources, params, network):
        now = time.monotonic()
        took.append(now - last)
        last = now
        if now > ends_at:
            break
    return min(took[1:], default=None)  # the first one made the targets
