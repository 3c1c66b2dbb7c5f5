"""Seamless pictures: opposite edges meet, in the losses, in tiles and in the result."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from shared.params.style import StyleParams
from tests.unit.worker.engine.conftest import (
    check_gradient,
    check_tiles,
    make_inputs,
    make_objective,
    picture,
)
from worker.engine.images.periodic import periodic_part
from worker.engine.images.pyramid import fit_size, resize
from worker.engine.transfer import stylize

if TYPE_CHECKING:
    from torch import Tensor

    from worker.engine.vgg.network import Network

LOSSES = ("gram", "wasserstein", "neighbors")
PHOTO = picture(64, 96, seed=1)  # its half is on the grid of the poolings
PAINTING = picture(70, 50, seed=2)
IMAGE = picture(64, 96, seed=3)


def roll(image: Tensor) -> Tensor:
    return image.roll((32, 48), (2, 3))


def evaluate(
    network: Network, params: StyleParams, content: Tensor, image: Tensor
) -> tuple[float, Tensor]:
    objective = make_objective(network, params, content, [PAINTING])
    losses, gradient = objective.evaluate(image)
    return losses.total, gradient


@pytest.mark.parametrize("style_loss", LOSSES)
def test_a_rolled_picture_has_the_same_loss_and_a_rolled_gradient(
    network: Network, style_loss: Any
) -> None:
    params = StyleParams(seamless=True, style_loss=style_loss)

    loss, gradient = evaluate(network, params, PHOTO, IMAGE)
    rolled_loss, rolled_gradient = evaluate(network, params, roll(PHOTO), roll(IMAGE))

    assert rolled_loss == pytest.approx(loss, rel=1e-5)
    assert (roll(gradient) - rolled_gradient).norm() < 1e-5 * gradient.norm()


@pytest.mark.parametrize("style_loss", LOSSES)
def test_tiles_that_wrap_around_equal_the_whole(
    network: Network, style_loss: Any
) -> None:
    params = StyleParams(seamless=True, style_loss=style_loss)

    check_tiles(network, params, PHOTO, [PAINTING], IMAGE, tolerance=1e-5)


@pytest.mark.parametrize("style_loss", LOSSES)
def test_the_gradient_agrees_with_finite_differences(
    network: Network, style_loss: Any
) -> None:
    params = StyleParams(seamless=True, style_loss=style_loss, pooling="average")
    network = network.with_pooling("average")  # without kinks
    objective = make_objective(network, params, picture(16, 16, 1), [PAINTING])

    check_gradient(objective, picture(16, 16, seed=3), 1e-4)


def seam_stands_out(image: Tensor, dim: int) -> bool:
    """Whether the mean difference across the seam exceeds that of all other lines."""
    differences = (image - image.roll(1, dim)).abs().mean([0, 1, 5 - dim])
    return bool(differences[0] > differences[1:].max())


@pytest.mark.parametrize("seamless", [True, False])
def test_the_seam_of_a_texture_is_a_line_like_others(
    network32: Network, seamless: bool
) -> None:
    params = StyleParams(
        seamless=seamless,
        content_weight=0,
        init="noise",
        tv_weight=2.0,
        max_edge=64,
        schedule=((64, 60),),
    )
    inputs = make_inputs(picture(64, 64, 1).float(), PAINTING.float())

    iterates = list(stylize(inputs, params, network32))

    assert iterates[-1].losses.total < 0.7 * iterates[0].losses.total
    image = iterates[-1].image
    assert image.shape[2:] == (64, 64)
    for dim in (2, 3):
        assert seam_stands_out(image, dim) is not seamless


@pytest.mark.parametrize("color", ["style", "luminance", "chroma"])
@pytest.mark.parametrize("init", ["content", "image"])
def test_opposite_edges_that_differ_in_the_photo_meet_in_the_result(
    network32: Network, color: Any, init: Any
) -> None:
    """Nor does a start image bring a seam, nor the photo's colors."""
    shades = torch.linspace(0.2, 0.8, 64).view(1, 1, 1, 64)
    photo = 0.1 * picture(64, 64, 1).float() + (shades + shades.mT) / 2
    params = StyleParams(
        seamless=True, color=color, init=init, max_edge=64, schedule=((64, 5),)
    )
    inputs = make_inputs(photo, PAINTING.float())
    inputs = replace(inputs, start=photo if init == "image" else None)

    *_, last = stylize(inputs, params, network32)

    for dim in (2, 3):
        assert seam_stands_out(photo, dim)
        assert not seam_stands_out(last.image, dim)


@pytest.mark.parametrize("size", [(64, 96), (33, 50), (1, 20)])
def test_the_periodic_part_keeps_what_is_periodic_already(
    size: tuple[int, int],
) -> None:
    height, width = size
    wave = torch.cos(2 * torch.pi / width * (torch.arange(width) + 0.5))
    image = (0.5 + 0.3 * wave).expand(1, 3, height, width)  # its edges are equal

    assert torch.allclose(periodic_part(image), image, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(48, 64), (33, 51), (16, 8192)])
def test_a_slope_has_a_periodic_part_without_slope_or_edge(
    height: int, width: int
) -> None:
    slope = torch.linspace(0.1, 0.9, width).expand(1, 3, height, width)

    for image in (slope, slope.mT):
        part = periodic_part(image)

        assert torch.allclose(part, image.mean().expand_as(part), atol=0.02)


@pytest.mark.parametrize("size", [(32, 48), (96, 144), (64, 96)])
def test_resizing_with_wrap_around_commutes_with_rolling(size: tuple[int, int]) -> None:
    resized = resize(IMAGE, size, wraps=True)

    rolled = resize(roll(IMAGE), size, wraps=True)

    expected = resized.roll((size[0] // 2, size[1] // 2), (2, 3))
    torch.testing.assert_close(rolled, expected)
    torch.testing.assert_close(
        resized[..., 12:-12, 12:-12], resize(IMAGE, size)[..., 12:-12, 12:-12]
    )


@pytest.mark.parametrize(
    ("shape", "side", "expected"),
    [
        ((480, 640), 512, (384, 512)),
        ((480, 640), 500, (368, 496)),
        ((640, 427), 100, (96, 64)),
        ((10, 1000), 64, (16, 64)),
    ],
)
def test_sides_are_multiples_of_the_grid(
    shape: tuple[int, int], side: int, expected: tuple[int, int]
) -> None:
    assert fit_size(torch.empty(1, 3, *shape), side, seamless=True) == expected
