"""Which patches excite which units, against a second way of finding them."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import pytest
import torch

from shared.params.explore import ExploreParams, unit_count
from shared.params.networks import layer_names
from tests.unit.worker.engine.conftest import picture, through_json
from worker.engine.activation_patches import find_activation_patches, select_units
from worker.engine.vgg.network import build_network
from worker.engine.vgg.receptive_field import compute_receptive_field

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from shared.params.style import PoolingName
    from worker.engine.activation_patches import UnitPatches
    from worker.engine.vgg.network import Network

SIZES = [(32, 48), (40, 24), (17, 51), (36, 36), (33, 64)]
LAYERS = ("relu1_1", "relu2_2", "relu4_3", "relu5_1")


def some_pictures(count: int) -> list[Tensor]:
    return [picture(*SIZES[i % len(SIZES)], seed=i) for i in range(count)]


def make(**changes: Any) -> ExploreParams:
    return ExploreParams(**{"layers": LAYERS, "top_k": 3, "patches": 4, **changes})


def shown(
    pictures: list[Tensor], params: ExploreParams, network: Network
) -> list[UnitPatches]:
    """Units with their patches, after a look at all pictures."""
    *_, state = find_activation_patches(pictures, params, network)
    return select_units(state.top_activations, params)


def by_hand(
    pictures: list[Tensor], layer: str, unit: int, network: Network, count: int
) -> list[tuple[float, int, int, int]]:
    """(activation, picture, row, column), found number by number."""
    strongest = []
    for index, image in enumerate(pictures):
        rows = network.compute_activations(image, [layer])[layer][0, unit].tolist()
        value, row, column = max(
            (
                (value, y, x)
                for y, line in enumerate(rows)
                for x, value in enumerate(line)
            ),
            key=lambda each: (each[0], -each[1], -each[2]),
        )
        if value > 0:
            strongest.append((value, index, row, column))
    return sorted(strongest, key=lambda each: (-each[0], each[1]))[:count]


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_the_patches_are_those_found_by_hand(
    network: Network, pooling: PoolingName
) -> None:
    pictures, params = (
        some_pictures(11),
        make(pooling=pooling, units=(0, 3), top_k=None),
    )

    units = shown(pictures, params, network)

    assert [(unit.layer, unit.channel) for unit in units] == [
        (layer, number) for layer in LAYERS for number in (0, 3)
    ]
    pooled = network.with_pooling(pooling)
    for unit in units:
        field = compute_receptive_field("vgg16", unit.layer)
        found = by_hand(pictures, unit.layer, unit.channel, pooled, 4)
        assert [
            (patch.activation, patch.picture, patch.box) for patch in unit.patches
        ] == [(value, index, field.box(y, x)) for value, index, y, x in found]


def test_of_equal_pictures_the_first_comes_first(network: Network) -> None:
    params, one = make(), picture(32, 48, seed=3)

    units = shown([one] * 6, params, network)

    assert {tuple(p.picture for p in u.patches) for u in units if u.patches} == {
        (0, 1, 2, 3)
    }


def test_the_units_of_top_k_have_the_strongest_patches_on_average(
    network: Network,
) -> None:
    pictures, params = some_pictures(9), make(layers=("relu3_1",))

    channels = [unit.channel for unit in shown(pictures, params, network)]

    means = {
        unit: sum(each[0] for each in by_hand(pictures, "relu3_1", unit, network, 4))
        for unit in range(6)
    }
    assert channels == sorted(means, key=lambda unit: -means[unit])[:3]


def test_a_unit_that_nothing_excites_shows_nothing(weights: dict[str, Tensor]) -> None:
    dead = {name: tensor.clone() for name, tensor in weights.items()}
    dead["features.0.bias"][2] = -1e9
    network = build_network("vgg16", dead, torch.device("cpu"))
    params = make(layers=("relu1_1",), units=(1, 2), top_k=None)

    units = shown(some_pictures(9), params, network)

    assert [len(unit.patches) for unit in units] == [4, 0]


@pytest.mark.parametrize("seen", [1, 5, 9])
def test_an_exploration_goes_on_bit_for_bit(network32: Network, seen: int) -> None:
    pictures = [image.float() for image in some_pictures(9)]
    params = make()
    straight = list(find_activation_patches(pictures, params, network32))
    snapshot = through_json(straight[seen - 1].snapshot())

    resumed = list(
        find_activation_patches(pictures[seen:], params, network32, resume=snapshot)
    )

    assert [look.picture_count for look in resumed] == list(range(seen + 1, 10))
    for look in resumed[-1:]:
        for layer in LAYERS:
            assert torch.equal(
                look.top_activations[layer].values,
                straight[-1].top_activations[layer].values,
            )
            assert torch.equal(
                look.top_activations[layer].positions,
                straight[-1].top_activations[layer].positions,
            )


def test_pictures_are_taken_one_by_one_and_let_go(network: Network) -> None:
    alive: list[weakref.ref[Tensor]] = []
    most = 0

    def lazily() -> Iterator[Tensor]:
        for seed in range(6):
            image = picture(32, 32, seed)
            alive.append(weakref.ref(image))
            yield image
            del image

    for _ in find_activation_patches(lazily(), make(), network):
        most = max(most, sum(each() is not None for each in alive))

    assert most <= 2  # the one at hand, and the one the loop still names


def test_a_snapshot_holds_no_more_after_more_pictures(network: Network) -> None:
    sizes = [
        sum(each.numel() for each in look.snapshot().tensors.values())
        for look in find_activation_patches(some_pictures(12), make(), network)
    ]

    assert len(set(sizes)) == 1


def test_the_real_layers_have_as_many_units_as_the_parameters_say(
    vgg16_weights: dict[str, Tensor],
) -> None:
    network = build_network("vgg16", vgg16_weights, torch.device("cpu"))
    names = layer_names("vgg16")

    maps = network.compute_activations(torch.zeros(1, 3, 16, 16), names)

    assert {name: maps[name].shape[1] for name in names} == {
        name: unit_count(name) for name in names
    }
