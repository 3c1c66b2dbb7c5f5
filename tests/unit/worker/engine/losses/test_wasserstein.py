from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from tests.unit.worker.engine.conftest import finite_difference_gradient
from worker.engine.losses.statistics import blend_moments, compute_raw_moments
from worker.engine.losses.wasserstein import (
    NormalDistribution,
    WassersteinLoss,
    fit_normal_distribution,
    make_wasserstein_loss,
)

if TYPE_CHECKING:
    from torch import Tensor


def features(height: int, width: int, seed: int, channels: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (1, channels, height, width)
    return torch.randn(shape, generator=generator, dtype=torch.float64) + seed


def target_of(*styles: Tensor) -> NormalDistribution:
    moments = [compute_raw_moments(style) for style in styles]
    return fit_normal_distribution(blend_moments(moments, [1.0] * len(moments)))


def wasserstein_loss(
    here: Tensor, target: NormalDistribution, factor: float
) -> tuple[Tensor, Tensor]:
    positions = here.shape[2] * here.shape[3]
    return WassersteinLoss(target, factor).evaluate(here, 1 / positions)


def test_a_distance_by_hand() -> None:
    here = torch.tensor([[[[1.0, 3.0]]]], dtype=torch.float64)  # mean 2, deviation 1
    there = torch.tensor([[[[2.0, 8.0]]]], dtype=torch.float64)  # mean 5, deviation 3

    value, gradient = wasserstein_loss(here, target_of(there), 10.0)

    assert float(value) == pytest.approx(10.0 * (3**2 + 2**2), rel=1e-2)
    # The transport is x -> 5 + 3 (x - 2): 1 to 2 and 3 to 8.
    expected = torch.tensor([[[[10.0 * (1 - 2), 10.0 * (3 - 8)]]]]).double()
    assert torch.allclose(gradient, expected, rtol=1e-2)


@pytest.mark.parametrize("size", [(3, 4), (2, 2), (1, 5), (1, 1)])
def test_the_gradient_agrees_with_finite_differences(size: tuple[int, int]) -> None:
    # Positions: more than the five channels, fewer, as many, and a single one.
    here, target = features(*size, seed=1), target_of(features(4, 4, seed=2))

    _, gradient = wasserstein_loss(here, target, 3.0)

    slope = finite_difference_gradient(
        lambda x: float(wasserstein_loss(x, target, 3.0)[0]), here, step=1e-5
    )
    assert torch.allclose(gradient, slope, rtol=1e-4, atol=1e-5)


def test_the_gradient_agrees_with_autograd_through_another_formula() -> None:
    here = features(3, 4, seed=1).requires_grad_()
    there = features(4, 4, seed=2)
    (m1, s1), (m2, s2) = (
        (each.flatten(2).mean(2)[0], torch.cov(each.flatten(2)[0], correction=0))
        for each in (here, there)
    )
    target = target_of(there)
    roots = (torch.linalg.eigvals(s1 @ s2).real + target.blur**2).sqrt() - target.blur
    distance = (m1 - m2).square().sum() + (s1 + s2).trace() - 2 * roots.sum()

    (expected,) = torch.autograd.grad(distance, here)
    value, gradient = wasserstein_loss(here.detach(), target, 1.0)

    assert float(value) == pytest.approx(distance.item(), rel=1e-9)
    assert torch.allclose(gradient, expected, rtol=1e-7, atol=1e-9)


def test_few_positions_and_many_give_one_and_the_same_distance() -> None:
    few, target = features(2, 2, seed=1), target_of(features(4, 4, seed=2))
    many = few.repeat(1, 1, 2, 1)  # the same distribution, by the other formula

    value, gradient = wasserstein_loss(few, target, 1.0)
    again, halved = wasserstein_loss(many, target, 1.0)

    assert float(value) == pytest.approx(float(again), rel=1e-9)
    assert torch.allclose(gradient, 2 * halved[:, :, :2], rtol=1e-6)


def test_a_style_is_almost_at_no_distance_from_itself() -> None:
    style = features(6, 5, seed=3)
    target = target_of(style)

    value, gradient = wasserstein_loss(style, target, 1.0)

    assert 0 <= float(value) < 1e-3 * target.size
    assert float(gradient.abs().max()) < 0.01


def test_a_distance_forgets_where_channels_fired() -> None:
    here, target = features(3, 4, seed=1), target_of(features(4, 4, seed=2))

    one, other = (wasserstein_loss(each, target, 1.0)[0] for each in (here, here.mT))

    assert float(one) == pytest.approx(float(other), rel=1e-12)


def test_the_blend_of_two_styles_has_the_moments_of_both_pictures_together() -> None:
    one, other = features(3, 4, seed=1), features(3, 4, seed=2)

    blended, together = target_of(one, other), target_of(torch.cat([one, other], 2))

    assert torch.allclose(blended.mean, together.mean)
    assert torch.allclose(blended.root, together.root)


def test_float32_is_precise_enough() -> None:
    here, there = features(9, 9, seed=1, channels=40), features(9, 9, 2, channels=40)

    exact, slope = wasserstein_loss(here, target_of(there), 1.0)
    single, rough = wasserstein_loss(here.float(), target_of(there.float()), 1.0)

    assert float(single) == pytest.approx(float(exact), rel=1e-4)
    assert float((rough - slope).norm() / slope.norm()) < 1e-3


def test_the_scales_are_constants_that_the_target_fixes() -> None:
    style = features(4, 4, seed=2)
    moments = compute_raw_moments(style)

    assert make_wasserstein_loss(moments, 1.0, "gatys").factor == 1 / 5
    mean_square = float(style.square().sum()) / 16
    assert make_wasserstein_loss(moments, 1.0, "relative").factor == pytest.approx(
        1 / mean_square
    )


@pytest.mark.parametrize("value", [0.0, 0.3])
def test_a_style_of_one_color_pulls_without_dividing_by_nothing(value: float) -> None:
    style = torch.full((1, 3, 2, 2), value).double()
    target = target_of(style)

    found, gradient = wasserstein_loss(features(3, 4, 1, channels=3), target, 1.0)

    assert found.isfinite()
    assert gradient.isfinite().all()
    assert bool(
        make_wasserstein_loss(compute_raw_moments(style), 1.0, "relative").factor
    ) == bool(value)


def test_features_that_are_not_finite_are_passed_on_to_the_guards() -> None:
    broken = features(3, 4, seed=1) * float("nan")

    value, gradient = wasserstein_loss(broken, target_of(features(4, 4, 2)), 1.0)

    assert value.isnan()
    assert gradient.isnan().all()
