"""Each metric has its formula's value, and is 0 (or 1) for a picture against itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.quality.metrics import (
    compute_cfsd,
    compute_coverage,
    compute_edge_similarity,
    compute_lpips,
    compute_palette_distance,
    compute_style_distance,
    make_directions,
    to_oklab,
)

UNIT = 57.6  # of activations, see compute_cfsd


def random_planes(channels: int, height: int = 20, width: int = 24) -> Tensor:
    generator = torch.Generator().manual_seed(channels)
    shape = (1, channels, height, width)
    return torch.rand(shape, generator=generator, dtype=torch.float64)


def make_planes(*rows: tuple[float, ...]) -> Tensor:
    """Activations with one position for each row, (1, C, 1, N)."""
    return torch.tensor(rows, dtype=torch.float64).T[None, :, None]


def flat_picture(*levels: float) -> Tensor:
    return torch.tensor(levels, dtype=torch.float64).view(1, 3, 1, 1).expand(1, 3, 9, 9)


def test_a_picture_against_itself_is_at_no_distance() -> None:
    features, image = random_planes(6), random_planes(3)

    assert compute_style_distance(features, features) == 0
    assert compute_coverage(features, features) == pytest.approx(0, abs=1e-12)
    assert compute_palette_distance(image, image) == 0
    assert compute_cfsd(features, features) == 0
    assert compute_lpips([features], [features], [torch.ones(1, 6, 1, 1)]) == 0
    assert compute_edge_similarity(image, image) == pytest.approx(1, abs=1e-12)


def test_style_counts_how_far_the_distributions_are_apart() -> None:
    """A shift by d is at a distance of v . d along each direction v."""
    painting = random_planes(4)
    shift = torch.tensor([0.3, -0.1, 0.2, 0.0], dtype=torch.float64)
    directions = make_directions(4)
    rows = painting[0].flatten(1).T

    distance = compute_style_distance(painting + shift.view(1, 4, 1, 1), painting)

    apart = ((shift @ directions) ** 2).mean()
    spread = (rows @ directions).var(0, correction=0).mean()
    assert distance == pytest.approx(math.sqrt(apart / spread))


def test_style_sees_what_mean_and_covariance_do_not() -> None:
    two_points = make_planes(*[(-1.0,), (1.0,)] * 50)
    generator = torch.Generator().manual_seed(1)
    normal = torch.randn(100, generator=generator, dtype=torch.float64)
    normal = (normal - normal.mean()) / normal.std(correction=0)

    assert compute_style_distance(normal.view(1, 1, 1, 100), two_points) > 0.3


def test_style_compares_pictures_of_different_sizes() -> None:
    small, large = (
        torch.linspace(0, 1, count, dtype=torch.float64).view(1, 1, 1, count)
        for count in (60, 100)
    )

    assert compute_style_distance(small, large) < 0.02


def test_coverage_counts_the_positions_of_the_painting_that_are_not_found() -> None:
    painting = make_planes((1, 0), (0, 1), (-1, 0), (0, -1))  # centered on 0
    half = make_planes((2, 0), (0, 3))

    # (-1, 0) and (0, -1) are at a right angle to one of the two at best.
    assert compute_coverage(half, painting) == pytest.approx((0 + 0 + 1 + 1) / 4)
    assert compute_coverage(painting, half) > 0
    more = torch.cat([painting, make_planes((5, 6))], dim=3)
    assert compute_coverage(more, painting) == pytest.approx(0, abs=1e-12)


def test_oklab_has_the_published_values() -> None:
    """Of Ottosson's page, and of CSS Color 4 for pure red."""
    white, red = to_oklab(flat_picture(1, 1, 1)), to_oklab(flat_picture(1, 0, 0))

    np.testing.assert_allclose(white[0, :, 0, 0], [1, 0, 0], atol=1e-4)
    np.testing.assert_allclose(red[0, :, 0, 0], [0.62796, 0.22486, 0.12585], atol=1e-4)


def test_palette_distance_is_that_of_the_colors_along_the_directions() -> None:
    white, black = flat_picture(1, 1, 1), flat_picture(0, 0, 0)

    distance = compute_palette_distance(white, black)

    lightness_parts = make_directions(3)[0]
    expected = math.sqrt(float((lightness_parts**2).mean()))
    assert distance == pytest.approx(expected, abs=1e-4)
    assert distance == pytest.approx(math.sqrt(1 / 3), abs=0.05)


def test_cfsd_is_the_divergence_of_the_rows_worked_out_by_hand() -> None:
    """Two positions in two channels; C squared is 4."""
    photo, picture = ((1.0, 2.0), (3.0, 0.0)), ((2.0, 2.0), (1.0, 0.0))

    found = compute_cfsd(UNIT * make_planes(*picture), UNIT * make_planes(*photo))

    p, x = (softmax_rows(np.array(rows)) for rows in (photo, picture))
    expected = 128**2 * (p * np.log(p / x)).sum(1).mean()
    assert found == pytest.approx(expected)


def softmax_rows(rows: np.ndarray) -> np.ndarray:
    powers = np.exp(rows @ rows.T / 4)
    return powers / powers.sum(1, keepdims=True)


def test_lpips_is_worked_out_by_hand() -> None:
    """Unit vectors (0.6, 0.8) and (1, 0), weights 2 and 3; a second layer adds up."""
    features, photo = make_planes((3, 4)), make_planes((7, 0))
    heads = torch.tensor([2.0, 3.0], dtype=torch.float64).view(1, 2, 1, 1)

    one = compute_lpips([features], [photo], [heads])
    two = compute_lpips([features] * 2, [photo] * 2, [heads] * 2)

    assert one == pytest.approx(2 * 0.4**2 + 3 * 0.8**2)
    assert two == pytest.approx(2 * one)


def test_a_step_from_black_to_white_has_an_edge_of_1() -> None:
    """SSIM of it against no edges, where only the middle two columns have any."""
    step = torch.zeros(1, 3, 13, 13, dtype=torch.float64)
    step[..., 7:] = 1
    flat = torch.zeros_like(step)

    weights = np.exp(-((np.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
    weights /= weights.sum()
    mean = weights[5] + weights[6]  # edges of 1 left and right of the step
    variance = mean - mean**2
    c1, c2 = 0.01**2, 0.03**2
    expected = c1 / (mean**2 + c1) * c2 / (variance + c2)
    assert compute_edge_similarity(step, flat) == pytest.approx(expected, rel=1e-3)


def test_directions_are_of_unit_length_and_the_same_every_time() -> None:
    first, second = make_directions(7), make_directions(7)

    torch.testing.assert_close(first.norm(dim=0), torch.ones(128, dtype=torch.float64))
    assert torch.equal(first, second)
    assert float(first[0, 0]) == pytest.approx(-0.2016643905538462)
