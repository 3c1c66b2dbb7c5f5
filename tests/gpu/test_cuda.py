"""The engine on CUDA: nearly the same picture as on the CPU; resumed, the same bits."""

from __future__ import annotations

import pytest
import torch

from shared.params import StyleParams
from worker.engine.features import build_network
from worker.engine.limits import Limits
from worker.engine.objective import Objective
from worker.engine.pyramid import Scale
from worker.engine.sources import Sources, Style
from worker.engine.transfer import stylize

pytestmark = pytest.mark.cuda

PARAMS = StyleParams(max_edge=128, schedule=((64, 6), (128, 6)))


@pytest.fixture
def network(vgg16_weights):
    return build_network("vgg16", vgg16_weights, torch.device("cuda"))


def picture(seed):
    return torch.rand(1, 3, 96, 128, generator=torch.Generator().manual_seed(seed))


def scale_on(device):
    return Scale(0, picture(1).to(device), (Style(picture(2).to(device)),))


def test_the_objective_is_that_of_the_cpu(network, vgg16_weights):
    here, there = (
        Objective(net, PARAMS, scale_on(net.device), Limits()).evaluate(
            picture(3).to(net.device)
        )
        for net in (network, build_network("vgg16", vgg16_weights, torch.device("cpu")))
    )

    assert here[0].total == pytest.approx(there[0].total, rel=1e-3)
    error = (here[1].cpu() - there[1]).norm() / there[1].norm()
    assert float(error) < 1e-2


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam", "gd"])
def test_a_resumed_run_gives_the_same_bits(network, optimizer):
    params = PARAMS.model_copy(update={"optimizer": optimizer})
    run = (Sources(picture(1), (Style(picture(2)),)), params, network)
    *_, whole = stylize(*run)
    halfway = next(one for one in stylize(*run) if one.iteration == 8)

    *_, resumed = stylize(*run, resume=halfway.snapshot())

    assert torch.equal(resumed.image, whole.image)
