from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

from tests.unit.worker.engine.conftest import finite_difference_gradient, picture
from worker.engine.losses.content_tv import (
    add_total_variation,
    compute_content_scale,
    content_loss,
)
from worker.engine.losses.gram import GramLoss, make_gram_loss
from worker.engine.losses.statistics import (
    blend_moments,
    compute_raw_moments,
    gram_matrix,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def total_variation(image: Tensor, factor: float) -> tuple[Tensor, Tensor]:
    gradient = torch.zeros_like(image)
    return add_total_variation(
        image, gradient, slice(0, image.shape[2]), factor
    ), gradient


def test_a_gram_matrix_computed_by_hand() -> None:
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])  # (1, 2, 1, 2)

    gram = gram_matrix(features)

    assert gram.tolist() == [[2.5, 5.5], [5.5, 12.5]]


def test_a_gram_matrix_forgets_where_channels_fired() -> None:
    features = torch.rand(1, 3, 4, 5, generator=torch.Generator().manual_seed(0))

    assert torch.allclose(gram_matrix(features), gram_matrix(features.flip(3)))


def test_a_gram_matrix_is_the_same_for_a_picture_twice_as_wide() -> None:
    features = torch.rand(1, 3, 4, 5, generator=torch.Generator().manual_seed(0))

    doubled = torch.cat([features, features], dim=3)

    assert torch.allclose(gram_matrix(features), gram_matrix(doubled))


def test_styles_blend_by_their_weights_whatever_those_sum_to() -> None:
    grams = [torch.tensor([[1.0]]), torch.tensor([[5.0]])]

    assert blend_moments(grams, [3.0, 1.0]).tolist() == [[2.0]]
    assert blend_moments(grams, [0.75, 0.25]).tolist() == [[2.0]]


def test_content_loss_by_hand() -> None:
    features, target = torch.tensor([[[[3.0]]]]), torch.tensor([[[[1.0]]]])

    value, gradient = content_loss(features, target, 10.0)

    assert float(value) == 20.0
    assert gradient.tolist() == [[[[20.0]]]]


def test_style_loss_by_hand() -> None:
    features = torch.tensor([[[[1.0, 3.0]]]])  # mean 2, variance 1, Gram matrix 5
    target = torch.tensor([[1.0], [2.0]])  # mean 1, variance 1
    loss = GramLoss(target, 1.0, 10.0, blur=0.0)

    value, gradient = loss.evaluate(features, 1 / 2)

    assert float(value) == 9.0 + 10.0
    # 4 / 2 * (5 - 2) * F, and 10 * 2 / 2 * (2 - 1)
    assert gradient.tolist() == [[[[6.0 + 10.0, 18.0 + 10.0]]]]


def test_deviations_are_pulled_to_those_of_the_style_by_hand() -> None:
    features = torch.tensor([[[[1.0, 3.0]]]])  # deviation 1
    target = torch.tensor([[2.0], [8.0]])  # deviation 2
    loss = GramLoss(target, 0.0, 100.0, blur=0.0)

    value, gradient = loss.evaluate(features, 1 / 2)

    assert float(value) == 100.0
    assert gradient.tolist() == [[[[100.0, -100.0]]]]  # apart from each other


def test_total_variation_of_a_step_by_hand() -> None:
    image = torch.zeros(1, 3, 1, 2, dtype=torch.float64)
    image[..., 1] = 1.0

    value, _ = total_variation(image, 1.0)

    # One step of height 1 in each channel, over 2 pixels.
    expected = ((1 + 255.0**-2) ** 0.5 - 1 / 255) / 2
    assert float(value) == pytest.approx(expected, rel=1e-12)


def test_total_variation_of_one_color_is_nothing_and_pulls_nowhere() -> None:
    value, gradient = total_variation(torch.full((1, 3, 5, 4), 0.3), 1.0)

    assert float(value) == pytest.approx(0.0, abs=1e-8)
    assert not gradient.any()


def test_total_variation_means_the_same_at_every_size() -> None:
    stripes = torch.tensor([0.2, 0.8]).repeat(64).expand(1, 3, 128, 128)

    small, _ = total_variation(stripes[..., :32, :32], 1.0)
    large, _ = total_variation(stripes, 1.0)

    assert float(small) == pytest.approx(float(large), rel=0.03)


LOSSES: dict[str, Callable[[Tensor], tuple[Tensor, Tensor]]] = {
    "content": lambda x: content_loss(x, picture(3, 4, seed=4), 2.0),
    "style": lambda x: GramLoss(
        compute_raw_moments(picture(5, 4, seed=4)), 3.0, 4.0, blur=0.01
    ).evaluate(x, 1 / 12),
    "tv": lambda x: total_variation(x, 4.0),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_gradient_agrees_with_finite_differences(name: str) -> None:
    features, loss = picture(3, 4, seed=3), LOSSES[name]

    _, gradient = loss(features)

    slope = finite_difference_gradient(lambda x: float(loss(x)[0]), features, step=1e-6)
    assert torch.allclose(gradient, slope, rtol=1e-5, atol=1e-8)


def test_the_two_scales_differ_by_constants_the_targets_fix() -> None:
    # Means 1 and 2, variances 0 and 1, Gram matrix ((1, 2), (2, 5)).
    moments = torch.tensor([[1.0, 2.0], [1.0, 2.0], [2.0, 5.0]])

    published = make_gram_loss(moments, 1.0, "gatys")
    relative = make_gram_loss(moments, 1.0, "relative")

    assert compute_content_scale("gatys", 25.0) == 1.0
    assert compute_content_scale("relative", 25.0) == pytest.approx(1 / 25)
    assert published.factor == pytest.approx(1 / 16)
    assert published.moment_factor == 0
    assert relative.factor == pytest.approx(0.5 / 34)
    assert relative.moment_factor == pytest.approx(1 / 6)


def test_a_silent_target_is_left_out_of_relative_losses() -> None:
    silent = make_gram_loss(torch.zeros(3, 2), 1.0, "relative")

    assert compute_content_scale("relative", 0.0) == 0.0
    assert (silent.factor, silent.moment_factor) == (0, 0)


def test_a_map_of_one_color_has_a_finite_slope() -> None:
    style = make_gram_loss(compute_raw_moments(picture(5, 4, seed=4)), 1.0, "relative")
    flat = torch.full((1, 3, 5, 4), 0.5, dtype=torch.float64)

    value, gradient = style.evaluate(flat, 1 / 20)

    assert value.isfinite()
    assert gradient.isfinite().all()
