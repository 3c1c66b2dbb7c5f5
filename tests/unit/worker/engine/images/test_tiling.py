"""Tiles: the whole picture's loss and gradient, from parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from tests.unit.worker.engine.conftest import (
    alike,
    check_tiles,
    last,
    make_objective,
    picture,
    random_weights,
)
from worker.engine.images.inputs import Style
from worker.engine.images.tiling import (
    RunLimits,
    choose_tile_px,
    compute_halo_px,
    compute_strides,
    make_tiles,
)
from worker.engine.vgg.network import build_network

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.params.style import PoolingName, StyleLoss, StyleParams
    from worker.engine.vgg.network import Network

DEEP = {"relu1_1": 1.0, "relu2_1": 1.0, "relu4_1": 1.0, "relu5_1": 2.0}


@pytest.mark.parametrize("size", [(64, 64), (130, 75), (200, 333), (8, 500)])
def test_every_pixel_is_in_the_core_of_one_tile(size: tuple[int, int]) -> None:
    counts = torch.zeros(1, 1, *size)

    for tile in make_tiles(size, 64, 48):
        tile.slice_core(counts, 1).add_(1)
        crop = tile.crop(torch.ones_like(counts))
        assert tile.crop_core(crop, 1).shape == tile.slice_core(counts, 1).shape

    assert counts.min() == counts.max() == 1


@pytest.mark.parametrize("name", ["relu2_2", "relu4_1", "relu5_1", "relu5_3"])
def test_a_halo_is_all_that_the_deepest_layer_sees(network: Network, name: str) -> None:
    image = picture(420, 33, seed=3)
    layers = network.layers_up_to([name])
    reach, stride = compute_halo_px(layers), compute_strides(layers)[name]
    row = 208 // stride

    changed = image.clone()
    changed[..., : 208 - reach, :] = 0
    changed[..., 208 + stride + reach :, :] = 1
    before, after = (
        network.compute_activations(each, [name])[name][..., row, :]
        for each in (image, changed)
    )

    assert torch.equal(before, after)


@pytest.mark.parametrize(
    ("size", "style_loss", "pooling"),
    [
        ((150, 170), "gram", "max"),
        ((64, 140), "gram", "average"),
        ((64, 210), "wasserstein", "average"),
        ((177, 64), "neighbors", "max"),
    ],
)
def test_tiles_give_the_loss_and_the_gradient_of_the_whole(
    network: Network,
    make_params: Callable[..., StyleParams],
    size: tuple[int, int],
    style_loss: StyleLoss,
    pooling: PoolingName,
) -> None:
    params = make_params(
        style_loss=style_loss,
        style_layers=DEEP,
        content_layers={"relu3_2": 1.0, "relu4_2": 1.0},
        tv_weight=0.5,
    )
    photo, painting, image = (picture(*size, seed=seed) for seed in (1, 2, 3))
    network = network.with_pooling(pooling)

    check_tiles(network, params, photo, [painting], image)


def test_tiles_are_exact_where_the_deepest_layer_holds_content_only(
    network: Network, make_params: Callable[..., StyleParams]
) -> None:
    params = make_params(
        style_layers={"relu1_1": 1.0, "relu2_1": 1.0}, content_layers={"relu4_2": 1.0}
    )
    photo, painting, image = (picture(150, 203, seed=seed) for seed in (1, 2, 3))

    check_tiles(network, params, photo, [painting], image)


def test_tiles_of_masked_styles_give_those_of_the_whole(
    network: Network, make_params: Callable[..., StyleParams]
) -> None:
    params = make_params(styles=({"weight": 1.0}, {"weight": 2.0}), style_layers=DEEP)
    photo, image = picture(150, 203, seed=1), picture(150, 203, seed=3)
    mask, region = picture(30, 40, seed=4)[:, :1], picture(9, 9, seed=5)[:, :1]
    styles = [
        Style(picture(130, 90, seed=2), mask, region),
        Style(picture(80, 140, seed=6)),
    ]

    check_tiles(network, params, photo, styles, image)


@pytest.mark.weights
def test_tiles_of_the_real_network_are_nearly_the_whole_in_float32(
    vgg16_weights: dict[str, torch.Tensor],
    make_params: Callable[..., StyleParams],
) -> None:
    """The loss is continuous and has a tight bound; its gradient jumps.

    Tiles add up in another order than the whole. Of two nearly equal activations the
    other may win its pooling then, and what is nearly 0 may become 0: an entry of the
    gradient changes at once. In 32 orders of adding up the gradient was off by 6e-6 to
    4e-3, which is a cosine of 1 - 1e-5. The bound is ten times that. In float64
    nothing is so nearly equal: the tests above are exact.
    """
    network = build_network("vgg16", vgg16_weights, torch.device("cpu"))
    params = make_params()
    photo, painting, image = (picture(80, 140, seed).float() for seed in (1, 2, 3))

    whole, expected = make_objective(network, params, photo, [painting]).evaluate(image)
    tiled = params.model_copy(update={"tile_px": 64})
    parts, gradient = make_objective(network, tiled, photo, [painting]).evaluate(image)

    assert parts.total == pytest.approx(whole.total, rel=1e-5)
    assert alike(gradient, expected) > 0.9999


def test_a_tiled_run_ends_where_a_whole_one_does(run: Any) -> None:
    changes = {"max_edge": 192, "schedule": ((64, 3), (192, 4))}

    whole, tiled = last(run(**changes)), last(run(**changes, tile_px=64))

    assert float((tiled.image - whole.image).abs().mean()) < 1e-3


def test_a_limit_chooses_the_tiles_by_sizes_alone(network: Network) -> None:
    layers = network.layers_up_to(["relu5_1"])
    around, size = 2 * compute_halo_px(layers), (900, 1000)

    assert choose_tile_px(size, layers, None, None) == 1000  # whole
    assert choose_tile_px(size, layers, None, 900_000) == 1000
    assert choose_tile_px(size, layers, None, (512 + around) ** 2) == 512
    assert choose_tile_px(size, layers, 256, (512 + around) ** 2) == 256
    assert choose_tile_px(size, layers, 768, (512 + around) ** 2) == 512
    assert choose_tile_px(size, layers, None, 1) == 64


def test_more_than_the_budget_allows_is_computed_in_tiles(
    network: Network, make_params: Callable[..., StyleParams]
) -> None:
    calls: list[None] = []
    photo, painting = picture(150, 208, seed=1), picture(90, 90, seed=2)
    limits = RunLimits(tile_pixels=1, after_tile=lambda: calls.append(None))

    objective = make_objective(network, make_params(), photo, [painting], limits)
    calls.clear()
    objective.evaluate(photo)

    assert len(calls) == 2 * 3 * 4  # twice over 150 / 64 by 208 / 64 tiles


def test_tiles_asked_for_are_no_larger_than_the_budget_allows(
    network: Network, make_params: Callable[..., StyleParams]
) -> None:
    calls: list[None] = []
    photo = picture(150, 208, seed=1)
    limits = RunLimits(tile_pixels=1, after_tile=lambda: calls.append(None))
    params = make_params(tile_px=192, style_weight=0.0)

    objective = make_objective(network, params, photo, [photo], limits)
    calls_before = len(calls)
    objective.evaluate(photo)

    assert calls_before == 3 * 4  # what the content is to look like
    assert len(calls) - calls_before == 3 * 4


def test_an_exception_after_a_tile_ends_the_run(
    network: Network, make_params: Callable[..., StyleParams]
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    photo = picture(150, 203, seed=1)
    limits = RunLimits(tile_pixels=1, after_tile=interrupt)

    with pytest.raises(KeyboardInterrupt):
        make_objective(network, make_params(), photo, [photo], limits).evaluate(photo)


def test_vgg19_in_tiles_is_vgg19(make_params: Callable[..., StyleParams]) -> None:
    network = build_network("vgg19", random_weights("vgg19"), torch.device("cpu"))
    params = make_params(network="vgg19", style_layers={"relu5_4": 1.0})
    photo, painting, image = (picture(210, 90, seed=seed) for seed in (1, 2, 3))

    check_tiles(network, params, photo, [painting], image)
