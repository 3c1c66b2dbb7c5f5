"""Content by relations in an objective: tiles, style losses, odd photos, steering."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from shared.params.memory import MAX_POSITIONS, need_bytes
from shared.params.segments import Changes, Segment
from shared.params.style import StyleParams
from tests.unit.worker.engine.conftest import (
    check_gradient,
    check_tiles,
    last,
    make_inputs,
    make_objective,
    picture,
)
from worker.engine.relation_content import number_positions
from worker.engine.transfer import stylize
from worker.engine.vgg.network import build_network

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from worker.engine.vgg.network import Network

    MakeParams = Callable[..., StyleParams]

RELATIONS = {
    "content_loss": "relations",
    "content_layers": {"relu2_2": 1, "relu4_2": 2},
}


@pytest.mark.parametrize("loss_scale", ["relative", "gatys"])
def test_the_gradient_agrees_with_finite_differences(
    network: Network, make_params: MakeParams, loss_scale: str
) -> None:
    params = make_params(
        content_loss="relations",
        loss_scale=loss_scale,
        content_layers={"relu1_2": 1},
        style_layers={"relu1_1": 1},
    )
    photo, painting, image = (picture(6, 7, seed=seed) for seed in (1, 2, 3))

    check_gradient(make_objective(network, params, photo, [painting]), image, 1e-4)


@pytest.mark.parametrize(
    ("style_loss", "size"), [("gram", (150, 140)), ("neighbors", (64, 180))]
)
def test_tiles_give_the_loss_and_the_gradient_of_the_whole(
    network: Network, make_params: MakeParams, style_loss: str, size: tuple[int, int]
) -> None:
    params = make_params(style_loss=style_loss, **RELATIONS)
    photo, painting, image = (picture(*size, seed=seed) for seed in (1, 2, 3))

    check_tiles(network, params, photo, [painting], image)


def test_a_rolled_seamless_picture_has_the_same_loss_and_a_rolled_gradient(
    network: Network, make_params: MakeParams
) -> None:
    params = make_params(seamless=True, tile_px=64, **RELATIONS)
    photo, painting, image = (picture(64, 96, seed=seed) for seed in (1, 2, 3))

    def roll(each: Tensor) -> Tensor:
        return each.roll((32, 48), (2, 3))

    objective = make_objective(network, params, photo, [painting])
    losses, gradient = objective.evaluate(image)
    objective = make_objective(network, params, roll(photo), [painting])
    rolled, rolled_gradient = objective.evaluate(roll(image))

    assert rolled.content == pytest.approx(losses.content, rel=1e-5)
    assert (roll(gradient) - rolled_gradient).norm() < 1e-5 * gradient.norm()


def test_bfloat16_rounds_relations_about_as_much_as_squared_differences(
    weights: dict[str, Tensor], network32: Network, make_params: MakeParams
) -> None:
    single = {name: tensor.float() for name, tensor in weights.items()}
    cpu = torch.device("cpu")
    bf16 = build_network("vgg16", single, cpu, precision=torch.bfloat16)
    photo, image = (picture(64, 80, seed=seed).float() for seed in (1, 3))
    errors = []

    for content_loss in ("squared", "relations"):
        params = make_params(style_weight=0, tv_weight=0, content_loss=content_loss)
        (exact, expected), (losses, gradient) = (
            make_objective(each, params, photo, [photo]).evaluate(image)
            for each in (network32, bf16)
        )
        assert losses.content == pytest.approx(exact.content, rel=0.02)
        rounded = float(torch.tensor(losses.content).bfloat16())
        assert losses.content != rounded  # summed in float32
        errors.append(float((gradient - expected).norm() / expected.norm()))

    assert errors[1] < 1.5 * errors[0]


def test_the_photo_itself_has_no_loss_and_no_gradient(
    network: Network, make_params: MakeParams
) -> None:
    params = make_params(style_weight=0, tv_weight=0, **RELATIONS)
    photo = picture(40, 50, seed=1)

    losses, gradient = make_objective(network, params, photo, [photo]).evaluate(photo)

    assert losses.total == pytest.approx(0, abs=1e-12)
    assert float(gradient.abs().max()) < 1e-9


@pytest.mark.parametrize(
    ("style_loss", "gray"), [("gram", 0.0), ("wasserstein", 0.5), ("neighbors", 1.0)]
)
def test_a_photo_of_one_color_is_painted(
    network32: Network, make_params: MakeParams, style_loss: str, gray: float
) -> None:
    photo = torch.full((1, 3, 40, 40), gray)
    params = make_params(
        style_loss=style_loss,
        style_weight=10.0,  # the default
        content_loss="relations",
        schedule=((64, 40),),  # of random weights, black takes 25 with Gram
    )
    inputs = make_inputs(photo, picture(40, 40, seed=2).float())

    found = list(stylize(inputs, params, network32))

    assert all(each.image.isfinite().all() for each in found)
    assert found[-1].losses.total < found[0].losses.total
    assert float(found[-1].image.std()) > 1 / 255


def test_a_steered_weight_counts(run: Any) -> None:
    segments = [Segment(from_iteration=6, changes=Changes(content_weight=30.0))]

    plain, steered = (
        last(run(content_loss="relations", segments=each)) for each in ([], segments)
    )

    assert not torch.equal(plain.image, steered.image)


@pytest.mark.parametrize("size", [(1, 1), (1, 9000), (46, 44), (64, 33), (300, 200)])
def test_positions_are_even_and_at_most_so_many(size: tuple[int, int]) -> None:
    numbers = number_positions(size, torch.device("cpu"))

    count = int(numbers.max()) + 1
    found = numbers[numbers >= 0].tolist()
    assert found == list(range(count))
    assert count <= MAX_POSITIONS
    assert count == size[0] * size[1] or count > MAX_POSITIONS / 4


def test_the_memory_of_the_pairs_is_counted_and_does_not_grow() -> None:
    def added(edge: int, layers: int) -> int:
        content = dict.fromkeys(("relu3_1", "relu4_2")[:layers], 1.0)
        plain = StyleParams(max_edge=edge, content_layers=content)
        return need_bytes(
            plain.model_copy(update={"content_loss": "relations"})
        ) - need_bytes(plain)

    one = added(1024, 1)
    assert one >= 6 * 4 * MAX_POSITIONS**2
    assert added(1024, 2) >= one + 4 * MAX_POSITIONS**2
    assert added(8192, 1) == one
