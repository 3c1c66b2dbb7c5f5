"""The engine on a GPU: nearly the CPU's picture, and the same bits each time."""

from __future__ import annotations

from collections import deque
from typing import get_args

import pytest
import torch

from shared.params.style import StyleLoss
from tests.gpu.conftest import alike, evaluated, inputs, params_of
from worker.engine.images.tiling import RunLimits
from worker.engine.transfer import stylize

pytestmark = [pytest.mark.gpu, pytest.mark.weights]

OPTIMIZERS = ("lbfgs", "adam", "gd")
LOSSES = get_args(StyleLoss)
ABILITIES = {
    "plain": {},
    "average pooling": {"pooling": "average"},
    "luminance": {"color": "luminance"},
    "histogram": {"color": "histogram"},
    "averaged": {"averaging": 0.9},
    "from noise": {"init": "noise"},
    "tiled": {"tile_px": 64},
    "seamless": {"seamless": True},
    "seamless, tiled": {"seamless": True, "tile_px": 64},
}


def last(iterates):
    return deque(iterates, maxlen=1)[0]


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_objective_is_that_of_the_cpu(network, on_cpu, loss, pooling):
    params = params_of(style_loss=loss, pooling=pooling)

    (here, slope), (there, steeper) = (
        evaluated(net.with_pooling(pooling), params) for net in (network(), on_cpu)
    )

    assert here.total == pytest.approx(there.total, rel=1e-3)
    assert float((slope - steeper).norm() / steeper.norm()) < 1e-2


@pytest.mark.parametrize("loss", LOSSES)
def test_tiles_give_what_the_whole_gives(network, loss):
    params = params_of(style_loss=loss)

    (tiled, slope), (whole, steeper) = (
        evaluated(network(), params, limits=RunLimits(tile_pixels=allowed))
        for allowed in (1, None)
    )

    assert tiled.total == pytest.approx(whole.total, rel=1e-4)
    assert alike(slope, steeper) > 0.9999


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_run_gives_the_same_bits_again_and_resumed(network, optimizer, loss):
    run = (inputs(), params_of(optimizer=optimizer, style_loss=loss), network())
    whole = list(stylize(*run))

    again = last(stylize(*run))
    resumed = last(stylize(*run, resume=whole[7].snapshot()))

    assert torch.equal(again.image, whole[-1].image)
    assert torch.equal(resumed.image, whole[-1].image)


@pytest.mark.parametrize("ability", ABILITIES)
def test_every_ability_runs_and_resumes_with_the_same_bits(network, ability):
    run = (inputs(), params_of(**ABILITIES[ability]), network())
    whole = list(stylize(*run))

    resumed = last(stylize(*run, resume=whole[7].snapshot()))

    assert torch.equal(resumed.image, whole[-1].image)
