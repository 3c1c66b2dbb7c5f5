"""Hash-chain engine: takes the arguments of `stylize` and yields the same iterates.

Everything else is the product's code: claim, heartbeats, directives, steering,
checkpoints, previews, the result.
"""

from __future__ import annotations

import time
from functools import wraps
from typing import TYPE_CHECKING

import numpy as np
import torch

from chaos.hash_chain import FIRST_SEED, STEP_SECONDS, first_link, next_link, pixels
from worker.engine.images.pyramid import fit_size
from worker.engine.objective import Losses
from worker.engine.optimizers.base import ComponentState
from worker.engine.snapshot import Iterate
from worker.engine.transfer import compute_scale_end, find_phase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor

    from shared.params.segments import Segment
    from shared.params.style import StyleParams
    from worker.engine.images.inputs import TransferInputs
    from worker.engine.snapshot import Snapshot

_LOSSES = Losses(0.0, 0.0, 0.0, 0.0)

Stylize = "Callable[..., Iterator[Iterate]]"


def wrap_stylize(stylize: Callable[..., Iterator[Iterate]]) -> Stylize:
    """Wrap `stylize`: jobs with the seed of a hash chain compute that instead."""

    @wraps(stylize)
    def stylize_or_chain(
        inputs: TransferInputs, params: StyleParams, *network: object, **more: object
    ) -> Iterator[Iterate]:
        if params.seed < FIRST_SEED:
            return stylize(inputs, params, *network, **more)
        return _chain(inputs, params, more["resume"], more["segments"])

    return stylize_or_chain


def _chain(
    inputs: TransferInputs,
    params: StyleParams,
    resume: Snapshot | None,
    segments: Sequence[Segment],
) -> Iterator[Iterate]:
    done = 0 if resume is None else resume.iteration
    link = first_link(params.seed) if resume is None else _link(resume)
    first_scale = 0 if resume is None else resume.scale
    for scale in range(first_scale, len(params.stages)):
        size = fit_size(inputs.content, params.stages[scale][0])
        first = compute_scale_end(params, scale - 1) if scale else 0
        while (phase := find_phase(params, segments, scale, done)).end > done:
            time.sleep(STEP_SECONDS)
            done += 1
            link = next_link(link, done, phase.params.style_weight)
            yield _iterate((done, scale, done - first), link, size)


def _iterate(
    position: tuple[int, int, int], link: bytes, size: tuple[int, int]
) -> Iterate:
    image = _image(link, size)
    state = ComponentState({"link": torch.tensor(list(link), dtype=torch.uint8)})
    return Iterate(*position, _LOSSES, image, image, image, {"chain": state})


def _link(snapshot: Snapshot) -> bytes:
    return bytes(snapshot.component_state("chain").tensors["link"].tolist())


def _image(link: bytes, size: tuple[int, int]) -> Tensor:
    planes = pixels(link, *size).transpose(2, 0, 1)[None]  # (1, 3, H, W)
    return torch.from_numpy(np.divide(planes, 255, dtype=np.float32, order="C"))
