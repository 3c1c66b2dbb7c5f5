"""bfloat16 activations: nearly the same objective, the same bits on resuming."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, get_args

import pytest
import torch

from shared.params.style import StyleLoss, StyleParams
from tests.unit.worker.engine.conftest import (
    alike,
    check_resumes,
    last,
    make_inputs,
    make_objective,
    picture,
)
from worker.engine.images.inputs import Style
from worker.engine.images.tiling import RunLimits, estimate_bytes_per_pixel
from worker.engine.losses.content_tv import content_loss
from worker.engine.losses.statistics import compute_raw_moments, gram_matrix
from worker.engine.transfer import stylize
from worker.engine.vgg.network import build_network

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from worker.engine.vgg.network import Network

    MakeParams = Callable[..., StyleParams]

LOSSES = get_args(StyleLoss)
ITERATIONS = 40
SHARE_OF_TIME = 0.6  # of an iteration in bfloat16, where float32 takes 1
# Rounding makes ties, and of ties the first wins: max pooling sends some gradients
# elsewhere, which tells the more the fewer channels there are.
ANGLES = {"average": 0.99, "max": 0.9}


@pytest.fixture(scope="module")
def halved(weights: dict[str, Tensor]) -> Network:
    single = {name: tensor.float() for name, tensor in weights.items()}
    cpu = torch.device("cpu")
    return build_network("vgg16", single, cpu, precision=torch.bfloat16)


def left_half(height: int, width: int) -> Tensor:
    mask = torch.zeros(1, 1, height, width)
    mask[..., : width // 2] = 1
    return mask


def test_only_activations_are_halved(halved: Network) -> None:
    image = picture(32, 40, seed=1).float()

    seen = halved.compute_activations(image, ["relu1_1", "relu4_1"])
    back = halved.backward(
        halved.forward(image, seen), lambda name, x: torch.ones_like(x)
    )

    assert {each.dtype for each in seen.values()} == {torch.bfloat16}
    assert (back.dtype, halved.dtype) == (torch.float32, torch.float32)
    assert gram_matrix(seen["relu4_1"]).dtype == torch.float32


def test_the_first_layer_sees_the_picture_in_float32(
    halved: Network, network32: Network
) -> None:
    image = picture(32, 40, seed=1).float()

    one, other = (
        net.compute_activations(image, ["relu1_1"])["relu1_1"]
        for net in (halved, network32)
    )

    assert torch.equal(one, other.bfloat16())  # rounded afterwards, and only then


@pytest.mark.parametrize(
    ("pooling", "masked"), [("average", False), ("max", False), ("max", True)]
)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_objective_and_its_slope_are_nearly_those_of_float32(
    halved: Network,
    network32: Network,
    make_params: MakeParams,
    loss: str,
    pooling: Any,
    masked: bool,
) -> None:
    params = make_params(style_loss=loss, pooling=pooling, tv_weight=0.1)
    content, image = picture(64, 96, seed=1).float(), picture(64, 96, seed=3).float()
    mask = left_half(64, 96) if masked else None
    style = Style(picture(80, 64, seed=2).float(), mask)

    (one, slope), (other, steeper) = (
        make_objective(net.with_pooling(pooling), params, content, [style]).evaluate(
            image
        )
        for net in (halved, network32)
    )

    assert one.content == pytest.approx(other.content, rel=0.02)
    assert one.style == pytest.approx(other.style, rel=0.02)
    assert one != other
    assert slope.dtype == torch.float32
    assert alike(slope, steeper) > ANGLES[pooling]


@pytest.mark.weights
def test_the_real_network_has_nearly_the_same_slope(
    vgg16_weights: dict[str, Tensor],
) -> None:
    cpu, params = torch.device("cpu"), StyleParams()
    content, image = picture(64, 96, seed=1).float(), picture(64, 96, seed=3).float()
    style = picture(80, 64, seed=2).float()

    (one, slope), (other, steeper) = (
        make_objective(
            build_network("vgg16", vgg16_weights, cpu, precision=precision),
            params,
            content,
            [style],
        ).evaluate(image)
        for precision in (torch.bfloat16, torch.float32)
    )

    assert one.total == pytest.approx(other.total, rel=0.02)
    assert alike(slope, steeper) > 0.99


@pytest.mark.parametrize(
    ("optimizer", "loss"), list(zip(("lbfgs", "adam", "gd"), LOSSES, strict=True))
)
def test_a_resumed_run_gives_the_same_bits(
    halved: Network, make_params: MakeParams, optimizer: str, loss: str
) -> None:
    params = make_params(optimizer=optimizer, style_loss=loss)
    content, style = picture(48, 80, seed=1).float(), picture(70, 50, seed=2).float()
    run = partial(stylize, make_inputs(content, style), params, halved)

    straight = check_resumes(run, stops=(6,))

    assert straight[-1].image.dtype == torch.float32


def test_a_run_gets_further_than_float32_in_the_same_time(
    halved: Network, network32: Network, make_params: MakeParams
) -> None:
    """What a run in bfloat16 loses by rounding is less than the time that it saves.

    An iteration takes 0.6 of float32's time (docs/adr/0016), so the float32 run gets
    0.6 of the iterations. The bound is not the end of an equally long float32 run:
    L-BFGS is chaotic. Two float32 runs that begin 1e-6 apart end up to 6 % apart, and
    processors, which add up in different orders, differ as much.

    The sum over three pairs of pictures smooths that. It is 0.69 to 0.81 of float32's
    with the kernels for AVX-512 BF16, AVX-512, AVX2 and SSE4.1, and in 30 random
    orders of adding up. With 3 bits of mantissa instead of 7 it is 1.1 to 1.2.
    """

    def end_of(network: Network, iterations: int, seed: int) -> float:
        params = make_params(schedule=((64, iterations),))
        content, style = (picture(64, 64, each).float() for each in (seed, seed + 1))
        found = last(stylize(make_inputs(content, style), params, network))
        judge = make_objective(network32, params, content, [style])
        return judge.evaluate(found.image)[0].total

    seeds = (1, 3, 5)
    saved = round(ITERATIONS * SHARE_OF_TIME)

    in_bfloat16 = sum(end_of(halved, ITERATIONS, seed) for seed in seeds)
    in_float32 = sum(end_of(network32, saved, seed) for seed in seeds)

    assert in_bfloat16 < in_float32


def test_tiles_give_nearly_what_the_whole_gives(
    halved: Network, make_params: MakeParams
) -> None:
    params = make_params()
    content, image = picture(90, 150, seed=1).float(), picture(90, 150, seed=3)
    style, image = picture(90, 70, seed=2).float(), image.float()

    (tiled, slope), (whole, steeper) = (
        make_objective(halved, params, content, [style], limits).evaluate(image)
        for limits in (RunLimits(tile_pixels=1), RunLimits())
    )

    assert tiled.total == pytest.approx(whole.total, rel=0.01)
    assert alike(slope, steeper) > 0.99


def test_activations_take_half_the_memory(halved: Network, network32: Network) -> None:
    names = ["relu4_1"]

    one, other = (
        estimate_bytes_per_pixel(net.layers_up_to(names)) for net in (halved, network32)
    )

    assert one == pytest.approx(other / 2, abs=1)  # rounded up


def test_sums_do_not_stand_still_where_bfloat16_would() -> None:
    ones = torch.ones(1, 2, 100, 100, dtype=torch.bfloat16)  # 256 + 1 is 256 there

    found = compute_raw_moments(ones)

    assert torch.allclose(found, torch.ones(3, 2))
    assert found.dtype == torch.float32


def test_shares_far_below_one_keep_the_moments() -> None:
    generator = torch.Generator().manual_seed(5)
    features = torch.rand(1, 3, 64, 64, generator=generator).bfloat16()
    share = torch.rand(1, 1, 64, 64, generator=generator) * 1e-20

    found = compute_raw_moments(features, share)

    assert torch.allclose(
        found, compute_raw_moments(features.float(), share), rtol=1e-2
    )


def test_tiny_gradients_are_not_lost() -> None:
    features = torch.ones(1, 1, 2, 2, dtype=torch.bfloat16)

    value, gradient = content_loss(features, features * 2, 1e-25)

    assert float(value) == pytest.approx(2e-25, rel=1e-3, abs=0)
    assert gradient.flatten().tolist() == pytest.approx([-1e-25] * 4, rel=0.01, abs=0)
