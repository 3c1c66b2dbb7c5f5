"""What only CUDA has: bfloat16, graphs, and a memory that runs out."""

from __future__ import annotations

from collections import deque
from typing import get_args

import pytest
import torch

from shared.params.style import StyleLoss
from tests.gpu.conftest import alike, evaluated, inputs, params_of, picture
from worker.engine.images.inputs import Style
from worker.engine.images.pyramid import PyramidScale
from worker.engine.images.tiling import RunLimits
from worker.engine.objective import Objective
from worker.engine.transfer import stylize
from worker.engine.vgg.cuda_graphs import capture_cuda_graph

pytestmark = [pytest.mark.cuda, pytest.mark.weights]

LOSSES = get_args(StyleLoss)
PRECISIONS = {"float32": None, "bf16": torch.bfloat16}
MIB = 2**20


def last(iterates):
    return deque(iterates, maxlen=1)[0]


@pytest.fixture
def precision_of():
    def find(name):
        if name == "bf16" and not torch.cuda.is_bf16_supported(False):
            pytest.skip("this device does not compute in bfloat16")
        return PRECISIONS[name]

    return find


@pytest.mark.parametrize("loss", LOSSES)
def test_bfloat16_is_nearly_float32(network, precision_of, loss):
    params = params_of(style_loss=loss)

    (one, slope), (other, steeper) = (
        evaluated(network(precision=precision_of(name)), params)
        for name in ("bf16", "float32")
    )

    assert one.total == pytest.approx(other.total, rel=0.02)
    assert alike(slope, steeper) > 0.99


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam", "gd"])
def test_bfloat16_resumes_with_the_same_bits(network, precision_of, optimizer, loss):
    net = network(precision=precision_of("bf16"))
    run = (inputs(), params_of(optimizer=optimizer, style_loss=loss), net)
    whole = list(stylize(*run))

    resumed = last(stylize(*run, resume=whole[7].snapshot()))

    assert torch.equal(resumed.image, whole[-1].image)


@pytest.mark.parametrize("loss", LOSSES)
def test_bfloat16_in_tiles_is_nearly_the_whole(network, precision_of, loss):
    net, params = network(precision=precision_of("bf16")), params_of(style_loss=loss)

    (tiled, slope), (whole, steeper) = (
        evaluated(net, params, limits=RunLimits(tile_pixels=allowed))
        for allowed in (1, None)
    )

    assert tiled.total == pytest.approx(whole.total, rel=0.01)
    assert alike(slope, steeper) > 0.99


@pytest.mark.parametrize("name", PRECISIONS)
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_graphs_change_no_bit_and_resume(network, precision_of, optimizer, name):
    params, precision = params_of(optimizer=optimizer), precision_of(name)
    graph_network = network(precision=precision, capture_graph=capture_cuda_graph)

    plain = last(stylize(inputs(), params, network(precision=precision)))
    recorded = list(stylize(inputs(), params, graph_network))
    halfway = recorded[7].snapshot()
    resumed = last(stylize(inputs(), params, graph_network, resume=halfway))

    assert torch.equal(recorded[-1].image, plain.image)
    assert torch.equal(resumed.image, plain.image)


@pytest.mark.parametrize("capture_graph", [None, capture_cuda_graph])
def test_after_running_out_of_memory_tiles_still_fit(network, capture_graph):
    net, params = network(capture_graph=capture_graph), params_of(styles=({},))
    image = picture(1, 768, 1024).cuda()

    def evaluate(limits):
        scale = PyramidScale(0, image, (Style(image),))
        return Objective(net, params, scale, limits).evaluate(image)[0].total

    whole = evaluate(RunLimits())
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(
        (torch.cuda.memory_reserved() + 400 * MIB) / total
    )
    try:
        with pytest.raises(torch.OutOfMemoryError):
            evaluate(RunLimits())
        torch.cuda.empty_cache()
        tiled = evaluate(RunLimits(tile_pixels=60 * MIB // 2_200))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)

    assert tiled == pytest.approx(whole, rel=1e-3)
