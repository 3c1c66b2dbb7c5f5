from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from shared.errors import WeightsDamaged
from shared.params.networks import layer_names
from tests.unit.worker.engine.conftest import (
    finite_difference_gradient,
    picture,
    random_weights,
)
from tests.unit.worker.engine.numpy_reference import vgg16_activations
from worker.engine.vgg.network import PREPROCESSING, build_network
from worker.engine.vgg.pooling import POOLINGS

if TYPE_CHECKING:
    from torch import Tensor

    from shared.params.networks import NetworkName
    from shared.params.style import PoolingName
    from worker.engine.vgg.network import Network

CPU = torch.device("cpu")
NETWORKS: tuple[NetworkName, ...] = ("vgg16", "vgg19")


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_a_client_may_name_can_be_tapped(name: NetworkName) -> None:
    network = build_network(name, random_weights(name), CPU)

    found = network.compute_activations(picture(32, 32, seed=1), layer_names(name))

    assert tuple(found) == layer_names(name)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_activations_agree_with_the_second_implementation(
    network: Network, weights: dict[str, Tensor], photo: Tensor, pooling: PoolingName
) -> None:
    arrays = {name: tensor.numpy() for name, tensor in weights.items()}

    expected = vgg16_activations(photo[0].numpy(), arrays, pooling)
    found = network.with_pooling(pooling).compute_activations(
        photo, layer_names("vgg16")
    )

    assert set(found) == set(expected)
    for name, activation in found.items():
        np.testing.assert_allclose(activation[0].numpy(), expected[name], rtol=1e-9)


def test_vgg19_agrees_with_torch_layer_by_layer() -> None:
    tensors = random_weights("vgg19")
    image = picture(16, 16, seed=5)
    mean, std = (
        torch.tensor(colors, dtype=torch.float64).view(1, 3, 1, 1)
        for colors in PREPROCESSING["vgg19"]
    )

    x = torch.nn.functional.pad((image - mean) / std, (1, 1, 1, 1), "replicate")
    first = torch.nn.functional.conv2d(
        x, tensors["features.0.weight"], tensors["features.0.bias"]
    ).relu()
    second = torch.nn.functional.conv2d(
        first, tensors["features.2.weight"], tensors["features.2.bias"], padding=1
    ).relu()
    found = build_network("vgg19", tensors, CPU).compute_activations(image, ["relu1_2"])

    assert torch.allclose(found["relu1_2"], second)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("size", [(9, 6), (1, 7), (4, 4)])
def test_the_way_back_agrees_with_finite_differences(
    network: Network, size: tuple[int, int], pooling: PoolingName
) -> None:
    network = network.with_pooling(pooling)
    image = picture(*size, seed=6)
    names = ("relu1_2", "relu3_1", "relu4_1")
    pulls = {name: torch.ones(()) * i for i, name in enumerate(names, start=1)}

    def value(x: Tensor) -> float:
        found = network.compute_activations(x, names)
        return float(sum((found[name] * pulls[name]).sum() for name in names))

    def gradient_at(name: str, features: Tensor) -> Tensor | None:
        return torch.ones_like(features) * pulls[name] if name in pulls else None

    gradient = network.backward(network.forward(image, names), gradient_at)
    slope = finite_difference_gradient(value, image, step=1e-7)
    assert torch.allclose(gradient, slope, rtol=1e-4, atol=1e-2)


def test_only_the_layers_needed_are_run(network: Network, photo: Tensor) -> None:
    steps = network.forward(photo, ["relu1_2", "relu2_1"])

    assert [step.layer.name for step in steps] == ["relu1_1", "relu1_2", "relu2_1"]


def test_the_edge_of_one_color_looks_like_its_middle(network: Network) -> None:
    found = network.compute_activations(torch.full((1, 3, 8, 8), 0.9), ["relu1_1"])[
        "relu1_1"
    ]

    assert torch.allclose(found[..., 0, 0], found[..., 4, 4])


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (15, 3), (17, 31)])
def test_no_picture_is_too_small_for_the_deepest_layer(
    network: Network, size: tuple[int, int], pooling: PoolingName
) -> None:
    network = network.with_pooling(pooling)

    found = network.compute_activations(picture(*size, seed=8), ["relu5_3"])["relu5_3"]

    assert found.isfinite().all()
    assert min(found.shape) == 1


def test_a_missing_tensor_is_named(weights: dict[str, Tensor]) -> None:
    del (partial := dict(weights))["features.5.bias"]

    with pytest.raises(WeightsDamaged, match=r"features\.5\.bias is missing"):
        build_network("vgg16", partial, CPU)


def test_weights_of_another_network_do_not_fit() -> None:
    shifted = random_weights("vgg16")
    shifted["features.5.weight"] = torch.zeros(5, 9, 3, 3)

    with pytest.raises(WeightsDamaged, match=r"features\.5\.weight is \(5, 9, 3, 3\)"):
        build_network("vgg16", shifted, CPU)


@pytest.mark.weights
def test_the_real_weights_have_every_layer(vgg16_weights: dict[str, Tensor]) -> None:
    network = build_network("vgg16", vgg16_weights, CPU)

    found = network.compute_activations(picture(32, 32, seed=1).float(), ["relu5_3"])

    assert found["relu5_3"].shape == (1, 512, 2, 2)
    assert found["relu5_3"].any()
