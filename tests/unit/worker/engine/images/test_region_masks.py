"""Masks: which style goes where."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np
import pytest
import torch

from shared.params.style import StyleLoss
from tests.unit.worker.engine.conftest import (
    check_gradient,
    make_objective,
    picture,
)
from worker.engine.images.inputs import Style, TransferInputs
from worker.engine.images.region_masks import (
    compute_spatial_weights,
    divide_into_regions,
    feather_mask,
    resize_mask,
)
from worker.engine.transfer import stylize

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.params.style import StyleParams
    from worker.engine.vgg.network import Network


def left_half(height: int, width: int) -> torch.Tensor:
    mask = torch.zeros(1, 1, height, width, dtype=torch.float64)
    mask[..., : width // 2] = 1
    return mask


def test_without_masks_all_styles_share_the_whole_picture() -> None:
    (region,) = divide_into_regions([None, None], [1.0, 3.0], (8, 8), 0.02)

    assert region.mask is None
    assert region.style_weights == {0: 1.0, 1: 3.0}
    assert region.area == 1.0


def test_styles_without_a_mask_share_what_the_masks_leave() -> None:
    masked, rest = divide_into_regions(
        [left_half(8, 8), None, None], [5.0, 1.0, 3.0], (8, 8), 0.0
    )

    assert torch.equal(masked.mask, left_half(8, 8))
    assert (masked.style_weights, masked.strength) == ({0: 1.0}, 5.0)
    assert torch.equal(rest.mask, 1 - left_half(8, 8))
    assert (rest.style_weights, rest.strength) == ({1: 1.0, 2: 3.0}, 1.0)


def test_overlapping_masks_share_out_where_they_overlap() -> None:
    whole = torch.ones(1, 1, 8, 8).double()

    one, two = divide_into_regions([whole, left_half(8, 8)], [1.0, 1.0], (8, 8), 0.0)

    assert torch.allclose(one.mask + two.mask, whole)
    assert float(one.mask[..., 0, 0]) == 0.5
    assert float(one.mask[..., 0, 7]) == 1.0


def test_masks_that_leave_nothing_leave_no_region() -> None:
    whole = torch.ones(1, 1, 8, 8)

    found = divide_into_regions([whole, None], [1.0, 1.0], (8, 8), 0.0)

    assert [region.style_weights for region in found] == [{0: 1.0}]


def test_feathered_regions_still_cover_the_picture_once() -> None:
    regions = divide_into_regions([left_half(40, 40), None], [1.0, 1.0], (40, 40), 0.2)

    total = sum(region.mask for region in regions)
    assert torch.allclose(total, torch.ones_like(total))
    across = regions[0].mask[0, 0, 20]
    assert 0.05 < float(across[18]) < 0.95  # it fades
    assert torch.all(across.diff() <= 1e-12)  # and falls steadily


def test_a_feather_wider_than_the_picture_is_cut_to_it() -> None:
    assert feather_mask(torch.ones(1, 1, 3, 5), 100).shape == (1, 1, 3, 5)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (9, 9)])
def test_shares_sum_to_one_at_every_size(size: tuple[int, int]) -> None:
    share = compute_spatial_weights(picture(18, 24, seed=1)[:, :1], size)

    assert float(share.sum()) == pytest.approx(1.0)


def test_masks_of_any_size_are_stretched_over_the_picture() -> None:
    found = resize_mask(left_half(4, 4), (6, 20))

    assert found.shape == (1, 1, 6, 20)
    assert float(found[..., 0].min()) == 1.0
    assert float(found[..., -1].max()) == 0.0


def test_the_guided_gram_matrix_agrees_with_numpy(
    network: Network, make_params: Callable[..., StyleParams]
) -> None:
    """Two regions at relu1_1, where a feature map has the size of the picture."""
    params = make_params(
        styles=({"weight": 2.0}, {"weight": 1.0}),
        style_layers={"relu1_1": 1.0},
        loss_scale="gatys",
        style_weight=1.0,
        content_weight=0.0,
        tv_weight=0.0,
        mask_feather=0.0,
    )
    photo, first, second = (picture(12, 14, seed=seed) for seed in (1, 2, 3))
    mask = left_half(12, 14)
    styles = [Style(first, mask), Style(second)]

    found = make_objective(network, params, photo, styles).evaluate(photo)[0].style

    f, a, b = (
        network.compute_activations(each, ["relu1_1"])["relu1_1"][0].flatten(1).numpy()
        for each in (photo, first, second)
    )
    inside = mask.flatten().numpy().astype(bool)
    expected = 0.0
    for strength, place, style in ((2.0, inside, a), (1.0, ~inside, b)):
        gap = f[:, place] @ f[:, place].T / place.sum() - style @ style.T / len(inside)
        expected += strength * place.mean() * np.square(gap).sum() / (4 * len(f) ** 2)
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("style_loss", get_args(StyleLoss))
def test_the_gradient_of_masked_styles_agrees_with_finite_differences(
    network: Network, make_params: Callable[..., StyleParams], style_loss: str
) -> None:
    params = make_params(
        styles=({"weight": 1.0}, {"weight": 2.0}),
        style_loss=style_loss,
        style_layers={"relu1_1": 1.0, "relu2_1": 1.0},
        content_weight=0.0,
    )
    photo, image = picture(6, 7, seed=1), picture(6, 7, seed=3)
    mask, region = picture(3, 4, seed=4)[:, :1], picture(5, 5, seed=5)[:, :1]
    styles = [Style(picture(6, 8, seed=2), mask, region), Style(picture(7, 5, seed=6))]

    check_gradient(make_objective(network, params, photo, styles), image, 1e-4)


def test_only_the_region_of_the_painting_counts(
    network: Network, make_params: Callable[..., StyleParams]
) -> None:
    params = make_params(style_layers={"relu1_1": 1.0}, mask_feather=0.0)
    photo, style = picture(12, 14, seed=1), picture(12, 16, seed=2)
    other = style.clone()
    other[..., 9:] = 0.5  # beyond what the left half sees
    region = left_half(12, 16)

    one, two = (
        make_objective(network, params, photo, [Style(each, None, region)])
        for each in (style, other)
    )

    assert one.evaluate(photo)[0].style == pytest.approx(
        two.evaluate(photo)[0].style, rel=1e-12
    )


def test_each_half_takes_the_colors_of_its_own_style(
    network32: Network, make_params: Callable[..., StyleParams]
) -> None:
    gray = torch.full((1, 3, 64, 64), 0.5)
    red, blue = gray.clone(), gray.clone()
    red[:, 0], blue[:, 2] = 1.0, 1.0
    params = make_params(
        styles=({}, {}),
        schedule=((64, 40),),
        style_layers={"relu1_1": 1.0},
        content_weight=0.001,
        tv_weight=0.0,
    )
    inputs = TransferInputs(gray, (Style(red, left_half(64, 64).float()), Style(blue)))

    *_, final = stylize(inputs, params, network32)

    left, right = final.image[..., :24], final.image[..., 40:]
    assert float((left[:, 0] - left[:, 2]).mean()) > 0.1
    assert float((right[:, 2] - right[:, 0]).mean()) > 0.1
