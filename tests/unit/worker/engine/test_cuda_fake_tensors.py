"""The code for CUDA, walked through with tensors that have a device but no memory.

Shapes, precisions and devices are those of the real thing, and what does not fit
raises; only numbers are missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from tests.unit.worker.engine.conftest import random_weights
from worker.engine.images.tiling import compute_halo_px, make_tiles
from worker.engine.losses.content_tv import content_loss
from worker.engine.losses.gram import GramLoss
from worker.engine.losses.statistics import compute_raw_moments
from worker.engine.objective import TiledStyleLoss
from worker.engine.targets import StyleTarget, TiledFeatureExtractor
from worker.engine.vgg.network import build_network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from worker.engine.vgg.network import Network

pytestmark = pytest.mark.skipif(
    torch.version.cuda is None, reason="this torch was built without CUDA"
)

NAMES = ("relu2_1", "relu4_1")
SIZE = (150, 203)


@pytest.fixture(autouse=True)
def no_memory() -> Iterator[None]:
    with FakeTensorMode(), torch.no_grad():
        yield


@pytest.fixture(params=[torch.float32, torch.bfloat16])
def network(request: pytest.FixtureRequest, no_memory: None) -> Network:
    weights = {
        name: torch.empty(each.shape, device="cuda")
        for name, each in random_weights("vgg16").items()
    }
    cuda = torch.device("cuda")
    return build_network("vgg16", weights, cuda, precision=request.param)


def term_of(network: Network, name: str) -> GramLoss:
    (*_, layer) = network.layers_up_to([name])
    target = torch.empty(layer.channels + 1, layer.channels, device="cuda")
    return GramLoss(target, 0.1, 0.1, blur=0.1)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_a_whole_evaluation_fits_together(
    network: Network, pooling: Any, masked: bool
) -> None:
    network = network.with_pooling(pooling)
    image = torch.empty(1, 3, *SIZE, device="cuda")

    def gradient_at(name: str, features: Tensor) -> Tensor | None:
        if name not in NAMES:
            return None
        share = torch.empty(1, 1, *features.shape[2:], device="cuda")
        value, pull = term_of(network, name).evaluate(
            features, share if masked else 0.01
        )
        kept, back = content_loss(features, torch.empty_like(features), 0.1)
        assert {value.dtype, kept.dtype} == {torch.float32}
        assert {pull.dtype, back.dtype, features.dtype} == {network.precision}
        return pull.add_(back)

    gradient = network.backward(network.forward(image, NAMES), gradient_at)

    assert (gradient.dtype, gradient.device) == (torch.float32, image.device)
    assert gradient.shape == image.shape


def test_moments_are_summed_in_float32(network: Network) -> None:
    seen = network.compute_activations(torch.empty(1, 3, *SIZE, device="cuda"), NAMES)

    assert {compute_raw_moments(each).dtype for each in seen.values()} == {
        torch.float32
    }


def test_both_passes_over_tiles_fit_together(network: Network) -> None:
    names, size = (*NAMES, "relu5_1"), (20, 90)  # of relu5_1, there are few positions
    tiles = make_tiles(size, 64, compute_halo_px(network.layers_up_to(names)))
    looking = TiledFeatureExtractor(size, network, names, tiles)
    targets = {name: [StyleTarget(term_of(network, name), 0.01)] for name in names}
    image = torch.empty(1, 3, *size, device="cuda")
    overview = TiledStyleLoss(looking, targets, "gram", lambda: None)

    value = overview.evaluate(image)

    assert value.dtype == torch.float32
    for tile in tiles:
        for name, core in looking.extract(image, tile):
            (pull,) = overview.tile_gradients(name, core, tile)
            assert (pull.shape, pull.dtype, pull.device) == (
                core.shape,
                core.dtype,
                core.device,
            )
