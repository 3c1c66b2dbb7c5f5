"""Receptive fields by arithmetic, against where the gradients really go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from shared.params.networks import layer_names
from tests.unit.worker.engine.conftest import random_weights
from worker.engine.vgg.network import build_network
from worker.engine.vgg.receptive_field import ReceptiveField, compute_receptive_field

if TYPE_CHECKING:
    from torch import Tensor

    from shared.params.networks import NetworkName
    from worker.engine.vgg.receptive_field import Box

SIDE = 320  # px; holds the largest field, 252 of relu5_4
LAYERS = [
    *(("vgg16", f"relu{block}") for block in ("1_1", "2_2", "3_1", "4_3", "5_1")),
    ("vgg19", "relu5_4"),
]


def all_alive(name: NetworkName) -> dict[str, Tensor]:
    """Random weights above 0: no ReLU cuts a path off."""
    return {key: each.abs() + 0.01 for key, each in random_weights(name).items()}


def pixels_with_gradient(
    name: NetworkName, layer: str, row: int, column: int, side: int = SIDE
) -> Box:
    network = build_network(name, all_alive(name), torch.device("cpu"))
    network = network.with_pooling("average")  # a maximum would leave pixels out
    steps = network.forward(torch.full((1, 3, side, side), 0.9).double(), [layer])

    def one_unit(at: str, activation: Tensor) -> Tensor | None:
        if at != layer:
            return None
        gradient = torch.zeros_like(activation)
        gradient[0, 0, row, column] = 1
        return gradient

    touched = network.backward(steps, one_unit)[0].abs().sum(0) > 0
    rows, columns = (touched.any(axis).nonzero().flatten().tolist() for axis in (1, 0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


@pytest.mark.parametrize(("name", "layer"), LAYERS)
def test_a_unit_sees_the_pixels_that_have_a_gradient(
    name: NetworkName, layer: str
) -> None:
    field = compute_receptive_field(name, layer)
    middle = (SIDE - field.size) // 2 // field.stride - field.first_px // field.stride
    row, column = middle, middle - 1

    seen = pixels_with_gradient(name, layer, row, column)

    assert min(seen) > 0
    assert max(seen) < SIDE
    assert seen == field.box(row, column)


@pytest.mark.parametrize("layer", ["relu1_1", "relu3_2", "relu5_1"])
def test_at_the_edge_a_unit_sees_what_of_its_field_is_inside(layer: str) -> None:
    box = compute_receptive_field("vgg16", layer).box(0, 0)

    left, top, right, bottom = pixels_with_gradient("vgg16", layer, 0, 0, side=160)

    assert (left, top, right, bottom) == (0, 0, box[2], box[3])
    assert box[0] < 0


def test_the_fields_of_vgg16_are_those_that_are_known() -> None:
    known = [3, 5, 10, 14, 24, 32, 40, 60, 76, 92, 132, 164, 196]

    sizes = [
        compute_receptive_field("vgg16", layer).size for layer in layer_names("vgg16")
    ]

    assert sizes == known
    assert compute_receptive_field("vgg16", "relu5_1") == ReceptiveField(132, 16, -58)
