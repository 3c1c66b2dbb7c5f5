"""The yardstick and our parameters for the race: one objective, written twice."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch

from bench.engine.layers import CHANNELS, CONVOLUTIONS, STYLES
from bench.engine.ours.configuration import make_objective_params, make_schedule
from bench.engine.peers.weights import UNIT
from bench.engine.peers.weights import caffe as caffe_
from bench.engine.peers.weights import torchvision as torchvision_
from bench.engine.reference_objective import ReferenceObjective, compute_activations
from shared.params.style import StyleParams
from tests.unit.worker.engine.conftest import (
    WIDTHS,
    make_objective,
    picture,
    random_weights,
)
from worker.engine.vgg.network import build_network
from worker.weights.catalog import convolution_indices, tensor_shapes

if TYPE_CHECKING:
    from torch import Tensor

HEIGHT, WIDTH = 35, 50  # neither side halves evenly four times
MEAN = (0.48235, 0.45882, 0.40784)
NARROW = {name: WIDTHS[int(name[4]) - 1] for name in CONVOLUTIONS}


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    return random_weights("vgg16")


def test_the_layers_are_those_of_the_product() -> None:
    known = convolution_indices("vgg16")

    assert known | CONVOLUTIONS == known
    for name, position in CONVOLUTIONS.items():
        assert tensor_shapes("vgg16")[f"features.{position}.bias"] == (CHANNELS[name],)


def test_our_objective_in_the_race_is_j_but_for_the_padding_of_the_picture(
    tensors: dict[str, Tensor],
) -> None:
    photo, painting, image = (picture(HEIGHT, WIDTH, seed) for seed in (1, 2, 3))
    params = StyleParams(max_edge=64, **make_objective_params(HEIGHT, WIDTH, NARROW))
    network = build_network("vgg16", tensors, torch.device("cpu"))
    padded_alike = ReferenceObjective(tensors, photo, painting, padding="replicate")
    image.requires_grad_()
    j = padded_alike.evaluate(image)
    (slope,) = torch.autograd.grad(j, image)

    with torch.no_grad():
        objective = make_objective(network, params, photo, [painting])
        ours = objective.evaluate(image.detach())

    assert ours[0].total == pytest.approx(float(j.detach()), rel=1e-10)
    torch.testing.assert_close(ours[1], slope, rtol=1e-8, atol=1e-9)


def test_zero_padding_makes_another_j(tensors: dict[str, Tensor]) -> None:
    photo, painting, image = (picture(HEIGHT, WIDTH, seed) for seed in (1, 2, 3))

    zero, replicate = (
        ReferenceObjective(tensors, photo, painting, padding).measure(image).j
        for padding in ("constant", "replicate")
    )

    assert zero != pytest.approx(replicate, rel=1e-6)


def test_the_photo_itself_has_all_of_its_content_and_the_painting_all_of_its_style(
    tensors: dict[str, Tensor],
) -> None:
    photo, painting = (picture(HEIGHT, WIDTH, seed) for seed in (1, 2))
    yardstick = ReferenceObjective(tensors, photo, painting)

    of_photo, of_painting = yardstick.measure(photo), yardstick.measure(painting)

    assert of_photo.c_rel == 0
    assert of_photo.s_rel > 0
    assert of_painting.s_rel == 0
    assert of_painting.c_rel > 0


def test_j_is_worked_out_by_hand() -> None:
    """A network that passes red on: activations are the halved reds above the mean."""
    tensors = {}
    for name, position in CONVOLUTIONS.items():
        channels = 3 if name == "relu1_1" else 1
        weight = torch.zeros(1, channels, 3, 3, dtype=torch.float64)
        weight[0, 0, 1, 1] = 1
        tensors[f"features.{position}.weight"] = weight
        tensors[f"features.{position}.bias"] = torch.zeros(1, dtype=torch.float64)
    flat = [
        torch.full((1, 3, 16, 16), level, dtype=torch.float64) for level in (1, 0.9)
    ]
    white, gray = (255 * (level - 0.48235) for level in (1, 0.9))

    verdict = ReferenceObjective(tensors, flat[0], flat[0]).measure(flat[1])

    style = 5 * (white**2 - gray**2) ** 2
    assert verdict.j == pytest.approx(5 * (white - gray) ** 2 + 100 * style)
    assert verdict.c_rel == pytest.approx(1 - gray / white)
    assert verdict.s_rel == pytest.approx(1 - (gray / white) ** 2)


@pytest.mark.parametrize("name", ["relu1_1", "relu3_2", "relu5_1"])
def test_the_weights_for_peers_are_the_same_function_in_other_units(
    tensors: dict[str, Tensor], name: str
) -> None:
    image = picture(HEIGHT, WIDTH, 1)
    expected = compute_activations(tensors, image, "replicate")[name]
    caffe_input = (255 * (image - _column(MEAN))).flip(1)
    usual_mean, usual_std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    torchvision_input = (image - _column(usual_mean)) / _column(usual_std)

    caffe = _fed(caffe_(tensors), caffe_input)[name]
    torchvision = _fed(torchvision_(tensors), torchvision_input)[name]

    torch.testing.assert_close(caffe, expected)
    torch.testing.assert_close(torchvision * UNIT, expected, rtol=1e-4, atol=1e-3)


def _fed(tensors: dict[str, Tensor], values: Tensor) -> dict[str, Tensor]:
    """Activations of a first convolution that sees exactly `values`."""
    return compute_activations(tensors, values / 255 + _column(MEAN), "replicate")


def _column(colors: tuple[float, ...]) -> Tensor:
    return torch.tensor(colors, dtype=torch.float64).view(1, 3, 1, 1)


@pytest.mark.parametrize("name", STYLES)
def test_every_style_layer_has_the_factor_of_j(name: str) -> None:
    found = make_objective_params(HEIGHT, WIDTH)

    share = found["style_layers"][name] / sum(found["style_layers"].values())

    # style_weight * share / (4 C^2) |C G_j - C A_j|^2 = 100 / C^2 |G_j - A_j|^2
    channels = CHANNELS[name]
    factor = found["style_weight"] * share / (4 * channels**2) * channels**2
    assert math.isclose(factor, 100 / channels**2)


def test_a_pyramid_ends_at_the_full_size() -> None:
    assert make_schedule(512, [60, 30, 40]) == ((128, 60), (256, 30), (512, 40))
