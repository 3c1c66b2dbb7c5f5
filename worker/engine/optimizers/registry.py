"""The optimizers a client may choose, each moving the image once per `step`.

All of them keep the image inside [0, 1], never change a tensor in place that they
have given out, and save and load all they remember, so that a run resumes exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

import torch

from worker.engine.optimizers.base import (
    GRAY_LEVEL,
    Remembers,
    State,
    free_pixels,
    gray_level_rate,
    into_box,
    require_finite,
)
from worker.engine.optimizers.lbfgs import Lbfgs

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

OptimizerName = Literal["lbfgs", "adam", "gd"]

ADAM_RATE = 3 * GRAY_LEVEL  # 5 and 2 end at higher losses
BETA1 = 0.9
BETA2 = 0.99
EPSILON = 1e-20


class Optimizer(Remembers, Protocol):
    """One update per evaluation."""

    def step(self, image: Tensor, loss: float, gradient: Tensor) -> Tensor:
        """Move from `image`, where the loss and gradient are the ones given.

        Raises:
            Diverged: They are not finite, and there is no way back.
        """

    def doubts(self, point: Tensor) -> bool:
        """Whether the step that led to `point` should be judged before it is final."""

    def settle(self, point: Tensor, loss: float, gradient: Tensor) -> Tensor:
        """Choose the final one: `point`, or what it was before a step that failed."""

    def turn(self) -> None:
        """Forget what no longer holds, as the objective has changed."""


class GradientDescent:
    """Plain gradient descent: image - rate * gradient, clamped.

    The first step of a scale changes the image by one gray level on average, which
    sets the rate; whenever the loss has risen since, the rate is halved for good.

    Args:
        factor: Of the first step.
    """

    def __init__(self, factor: float = 1.0) -> None:
        self._factor = factor
        self._rate = 0.0
        self._loss = 0.0

    def step(self, image: Tensor, loss: float, gradient: Tensor) -> Tensor:
        """Take one step downhill."""
        require_finite(loss, gradient)
        if not self._rate:
            steepest = gradient * free_pixels(image, gradient)
            self._rate = gray_level_rate(steepest) * self._factor
        elif loss > self._loss:
            self._rate /= 2
        self._loss = loss
        return into_box(image - gradient * self._rate)

    def doubts(self, point: Tensor) -> bool:  # noqa: ARG002 - no step is longer
        """No: the rate only falls."""
        return False

    def settle(self, point: Tensor, loss: float, gradient: Tensor) -> Tensor:
        """Take `point`, if it can be measured."""
        require_finite(loss, gradient)
        return point

    def turn(self) -> None:
        """Find the rate anew."""
        self._rate = self._loss = 0.0

    def state(self) -> State:
        """Everything remembered: no tensors."""
        return State(numbers={"rate": self._rate, "loss": self._loss})

    def load(self, state: State) -> None:
        """Continue from a `state`."""
        if state.numbers:
            self._rate, self._loss = state.numbers["rate"], state.numbers["loss"]


class Adam:
    """Adam, clamped; Kingma & Ba (2015), algorithm 1.

    Departures: beta2 is 0.99, as only dozens of steps are taken; epsilon merely keeps
    0 / 0 away, since 1e-8 is not small beside the gradient by one pixel of many.

    Args:
        factor: Of every step.
    """

    def __init__(self, factor: float = 1.0) -> None:
        self._factor = factor
        self._mean: Tensor | None = None
        self._square: Tensor | None = None
        self._steps = 0

    def step(self, image: Tensor, loss: float, gradient: Tensor) -> Tensor:
        """Take one step along the averaged gradient, normalized pixel by pixel."""
        require_finite(loss, gradient)
        mean = torch.zeros_like(image) if self._mean is None else self._mean
        square = torch.zeros_like(image) if self._square is None else self._square
        self._mean = mean.lerp(gradient, 1 - BETA1)
        self._square = square.lerp(gradient.square(), 1 - BETA2)
        self._steps += 1
        unbiased = self._square / (1 - BETA2**self._steps)
        rate = self._factor * ADAM_RATE / (1 - BETA1**self._steps)
        step = self._mean / unbiased.sqrt_().add_(EPSILON)
        return into_box(step.mul_(-rate).add_(image))

    def doubts(self, point: Tensor) -> bool:  # noqa: ARG002 - no step is longer
        """No: no entry moves much further than the rate."""
        return False

    def settle(self, point: Tensor, loss: float, gradient: Tensor) -> Tensor:
        """Take `point`, if it can be measured."""
        require_finite(loss, gradient)
        return point

    def turn(self) -> None:
        """Keep everything: averages of gradients adapt by themselves."""

    def state(self) -> State:
        """Everything remembered."""
        if self._mean is None or self._square is None:
            return State()
        tensors = {"mean": self._mean, "square": self._square}
        return State(tensors, {"steps": float(self._steps)})

    def load(self, state: State) -> None:
        """Continue from a `state`."""
        if state.tensors:
            self._mean, self._square = state.tensors["mean"], state.tensors["square"]
            self._steps = int(state.numbers["steps"])


# By name, each made with a factor of its steps.
OPTIMIZERS: dict[OptimizerName, Callable[[float], Optimizer]] = {
    "lbfgs": Lbfgs,
    "adam": Adam,
    "gd": GradientDescent,
}
