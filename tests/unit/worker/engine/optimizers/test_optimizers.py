from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import torch

from shared.errors import Diverged
from worker.engine.optimizers.base import GRAY_LEVEL, ComponentState
from worker.engine.optimizers.lbfgs import MAX_BACKTRACKS, Lbfgs
from worker.engine.transfer import OPTIMIZERS

if TYPE_CHECKING:
    from torch import Tensor

    from worker.engine.optimizers.base import Optimizer

NAMES = sorted(OPTIMIZERS)
TARGET = torch.linspace(-0.5, 1.5, 48, dtype=torch.float64).view(1, 3, 4, 4)
STIFFNESS = torch.linspace(1, 3, 48, dtype=torch.float64).view(1, 3, 4, 4)


def bowl(image: Tensor) -> tuple[float, Tensor]:
    """A stretched quadratic whose minimum lies partly outside of the box."""
    error = image - TARGET
    return float((STIFFNESS * error.square()).sum()), 2 * STIFFNESS * error


def run(optimizer: Optimizer, image: Tensor, iterations: int) -> Tensor:
    for _ in range(iterations):
        image = optimizer.step(image, *bowl(image))
    return image


def middle() -> Tensor:
    return torch.full((1, 3, 4, 4), 0.5, dtype=torch.float64)


@pytest.mark.parametrize("name", NAMES)
def test_an_optimizer_finds_the_best_picture_inside_the_box(
    name: str,
) -> None:
    # Plain gradient descent keeps its small first rate.
    image = run(OPTIMIZERS[name](), middle(), 2000 if name == "gd" else 150)

    assert image.min() >= 0
    assert image.max() <= 1
    assert torch.allclose(image, TARGET.clamp(0, 1), atol=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_an_optimizer_changes_nothing_it_was_given(name: str) -> None:
    optimizer, image = OPTIMIZERS[name](), middle()
    image = run(optimizer, image, 5)
    state, (loss, gradient) = optimizer.save_state(), bowl(image)
    given = [image, gradient, *state.tensors.values()]
    before = [each.clone() for each in given]

    optimizer.step(image, loss, gradient)

    assert all(map(torch.equal, given, before))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("done", [0, 1, 13])
def test_an_optimizer_goes_on_exactly_from_its_saved_state(
    name: str, done: int
) -> None:
    first = OPTIMIZERS[name]()
    image = run(first, middle(), done)
    state, second = first.save_state(), OPTIMIZERS[name]()

    numbers = json.loads(json.dumps(dict(state.numbers)))
    tensors = {name: each.clone() for name, each in state.tensors.items()}
    second.load_state(ComponentState(tensors, numbers))

    assert torch.equal(run(first, image, 9), run(second, image, 9))


@pytest.mark.parametrize("name", ["lbfgs", "gd"])
@pytest.mark.parametrize("size", [1e-9, 1.0, 1e9])
def test_the_first_step_is_one_gray_level_whatever_the_size_of_the_loss(
    name: str, size: float
) -> None:
    loss, gradient = bowl(middle())

    moved = OPTIMIZERS[name]().step(middle(), loss * size, gradient * size)

    assert float((moved - 0.5).abs().mean()) == pytest.approx(GRAY_LEVEL)


@pytest.mark.parametrize("name", NAMES)
def test_a_flat_loss_leaves_the_picture_alone(name: str) -> None:
    optimizer, image = OPTIMIZERS[name](), middle()

    for _ in range(3):
        image = optimizer.step(image, 0.0, torch.zeros_like(image))

    assert torch.equal(image, middle())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_at_the_start_is_the_end(
    name: str, bad: float
) -> None:
    with pytest.raises(Diverged):
        OPTIMIZERS[name]().step(middle(), bad, torch.zeros_like(middle()))


@pytest.mark.parametrize("name", NAMES)
def test_a_gradient_that_is_not_finite_is_the_end_too(name: str) -> None:
    with pytest.raises(Diverged):
        OPTIMIZERS[name]().step(middle(), 1.0, middle() * float("nan"))


@pytest.mark.parametrize("bad", [float("nan"), 1e6])
def test_lbfgs_goes_back_and_takes_a_smaller_step_where_the_loss_blew_up(
    bad: float,
) -> None:
    optimizer = Lbfgs()
    start = run(optimizer, middle(), 4)
    loss, gradient = bowl(start)
    astray = optimizer.step(start, loss, gradient)

    once = optimizer.step(astray, bad, torch.ones_like(start))
    twice = optimizer.step(once, bad, torch.ones_like(start))

    steps = [float((each - start).abs().mean()) for each in (once, twice)]
    assert steps == pytest.approx([0.3 * GRAY_LEVEL, 0.09 * GRAY_LEVEL])
    assert bowl(run(optimizer, twice, 10))[0] < loss


def test_lbfgs_gives_up_when_going_back_does_not_help() -> None:
    optimizer = Lbfgs()
    image = run(optimizer, middle(), 4)
    for _ in range(MAX_BACKTRACKS):
        image = optimizer.step(image, float("nan"), image)

    with pytest.raises(Diverged):
        optimizer.step(image, float("nan"), image)


def test_lbfgs_learns_nothing_from_a_change_that_curves_the_wrong_way() -> None:
    optimizer, image = Lbfgs(), middle()

    for sign in (1.0, 0.5):  # the gradient shrinks while going against it: convex
        image = optimizer.step(image, 1.0, sign * (image + 1))
    convex = len(optimizer.save_state().numbers)
    image = optimizer.step(image, 1.0, 2 * (image + 1))  # and now grows: it is not

    assert len(optimizer.save_state().numbers) == convex


def test_gradient_descent_halves_its_rate_when_the_loss_rises() -> None:
    optimizer, (_, gradient) = OPTIMIZERS["gd"](), bowl(middle())
    optimizer.step(middle(), 1.0, gradient)
    rate = optimizer.save_state().numbers["rate"]

    optimizer.step(middle(), 2.0, gradient)

    assert optimizer.save_state().numbers["rate"] == rate / 2
