"""A short measurement at the start of a worker, where no job has said anything yet."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog
import torch

from shared import jobs
from shared.errors import DatabaseUnavailable
from shared.pacing import Step, method_of
from shared.params import StyleParams
from worker.device import setup_of
from worker.engine.sources import Sources, Style
from worker.engine.transfer import stylize
from worker.tempo import Tempo

if TYPE_CHECKING:
    from shared.jobs import Measured
    from worker.engine.features import Network
    from worker.tools import Tools

log = structlog.get_logger(__name__)

_FRESH_SECONDS = 30 * 86_400.0
_SIDES_PX = (96, 192)
_ITERATIONS = 4  # the first one also makes the targets


def warm_up(tools: Tools) -> None:
    """Measure a few small iterations, unless jobs have been measured lately.

    The time is bounded by the setting: the larger size is left out where the smaller
    one took a fifth of it.
    """
    budget = tools.settings.warm_up_seconds
    params = StyleParams(max_edge=_SIDES_PX[0])
    setup = setup_of(tools.settings, tools.device)
    method = method_of(params.model_dump())
    try:
        if not budget or jobs.is_known(tools.db, setup, method, _FRESH_SECONDS):
            return
        began = time.monotonic()
        network, _ = tools.networks.get(params.network)
        measured: list[Measured] = []
        for side in _SIDES_PX:
            measured += _measure(network, side)
            if time.monotonic() - began > budget / 5:
                break
        jobs.seed(tools.db, setup, method, measured)
    except DatabaseUnavailable as error:
        log.warning("warm_up_skipped", error=str(error))
        return
    log.info("warmed_up", seconds=round(time.monotonic() - began, 2), setup=setup)


def _measure(network: Network, side: int) -> list[Measured]:
    """Time a few iterations at a square of this side."""
    params = StyleParams(max_edge=side, schedule=((side, _ITERATIONS),))
    noise = torch.rand((1, 3, side, side), generator=torch.Generator().manual_seed(0))
    sources = Sources(noise, (Style(noise.flip(-1)),))
    tempo, last = Tempo(0, side * side / 1e6), time.monotonic()
    for _ in stylize(sources, params, network):
        now = time.monotonic()
        tempo.add(now - last)
        last = now
    # What else a job does once, a warm-up cannot know.
    return [one for one in tempo.measured() if one.step is Step.ITERATION]
