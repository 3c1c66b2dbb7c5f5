"""L-BFGS inside the box [0, 1]: one evaluation per iteration, no line search."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.engine.optimizers.base import (
    State,
    free_pixels,
    gray_level_rate,
    into_box,
    is_finite,
    require_finite,
)

if TYPE_CHECKING:
    from torch import Tensor

HISTORY = 10
MAX_RISE = 3.0  # a loss this many times the last one is undone
RETREAT = 0.3  # each undo in a row shortens the next step to this
MAX_RETREATS = 10
MAX_GRAY_LEVELS = 8.0  # a longer step leaves all that was learned behind
MAX_STRIDE = 2.0  # a step this many times the one before may have gone too far
MIN_COSINE = 1e-6  # pairs with less curvature than this teach nothing


@dataclass(frozen=True, slots=True)
class _Pair:
    """One lesson about the curvature.

    Attributes:
        step: The change of the image that was really taken, after the clamp.
        change: The change of the gradient it caused.
        product: Their scalar product, above 0.
    """

    step: Tensor
    change: Tensor
    product: float


@dataclass(frozen=True, slots=True)
class _Point:
    """The last point whose loss was accepted."""

    image: Tensor
    gradient: Tensor
    loss: float


class Lbfgs:
    """Projected L-BFGS; Nocedal & Wright (2006), algorithm 7.4.

    Departures: pixels at the edge of the box whose gradient pushes outwards do not
    move; the result is clamped; the first step changes the image by one gray level on
    average, and no later one by more than eight; instead of a line search, a step
    after which the loss blew up is undone.

    Args:
        factor: Of every step.
    """

    def __init__(self, factor: float = 1.0) -> None:
        self._factor = factor
        self._pairs: deque[_Pair] = deque(maxlen=HISTORY)
        self._last: _Point | None = None
        self._retreats = 0

    def step(self, image: Tensor, loss: float, gradient: Tensor) -> Tensor:
        """Move from `image`, where the loss and gradient are the ones given.

        Raises:
            Diverged: The loss is not finite, even after going back again and again.
        """
        last = self._last
        if last is not None and self._must_retreat(last, loss, gradient):
            return self._retreat(last)
        require_finite(loss, gradient)
        if last is not None:
            self._learn(image - last.image, gradient - last.gradient)
        self._last, self._retreats = _Point(image, gradient, loss), 0
        direction = self._direction(gradient, free_pixels(image, gradient))
        direction.mul_(min(1.0, MAX_GRAY_LEVELS * gray_level_rate(direction) or 1.0))
        return into_box(direction.mul_(self._factor).add_(image))

    def doubts(self, point: Tensor) -> bool:
        """Whether the step to `point` was longer than any it can be sure of."""
        if self._last is None or not self._pairs:
            return False
        length = float((point - self._last.image).norm())
        return length > MAX_STRIDE * float(self._pairs[-1].step.norm())

    def settle(self, point: Tensor, loss: float, gradient: Tensor) -> Tensor:
        """Take `point` as the last one, or the one before if the loss blew up."""
        if self._last is None or not self._must_retreat(self._last, loss, gradient):
            return point
        return self._last.image

    def turn(self) -> None:
        """Forget everything: differences of gradients mix two objectives."""
        self._pairs.clear()
        self._last, self._retreats = None, 0

    def state(self) -> State:
        """Everything remembered."""
        if self._last is None:
            return State()
        tensors = {"image": self._last.image, "gradient": self._last.gradient}
        numbers = {"loss": self._last.loss, "retreats": float(self._retreats)}
        for index, pair in enumerate(self._pairs):
            tensors[f"step_{index}"] = pair.step
            tensors[f"change_{index}"] = pair.change
            numbers[f"product_{index}"] = pair.product
        return State(tensors, numbers)

    def load(self, state: State) -> None:
        """Continue from a `state`."""
        tensors, numbers = state.tensors, state.numbers
        if not tensors:
            return
        self._last = _Point(tensors["image"], tensors["gradient"], numbers["loss"])
        self._retreats = int(numbers["retreats"])
        for index in range(sum(name.startswith("product_") for name in numbers)):
            step, change = tensors[f"step_{index}"], tensors[f"change_{index}"]
            self._pairs.append(_Pair(step, change, numbers[f"product_{index}"]))

    def _must_retreat(self, last: _Point, loss: float, gradient: Tensor) -> bool:
        blown_up = loss > MAX_RISE * last.loss or not is_finite(loss, gradient)
        return blown_up and self._retreats < MAX_RETREATS

    def _retreat(self, last: _Point) -> Tensor:
        """Go back, forget the curvature that led astray, and take a smaller step."""
        self._pairs.clear()
        self._retreats += 1
        steepest = -last.gradient * free_pixels(last.image, last.gradient)
        rate = self._factor * gray_level_rate(steepest) * RETREAT**self._retreats
        return into_box(steepest.mul_(rate).add_(last.image))

    def _learn(self, step: Tensor, change: Tensor) -> None:
        product, turn = _dot(step, change), _dot(change, change)
        # A turn of 0 is an underflow: losses may be as small as a weight of 1e-30.
        if turn and product > MIN_COSINE * math.sqrt(_dot(step, step) * turn):
            self._pairs.append(_Pair(step, change, product))

    def _direction(self, gradient: Tensor, free: Tensor) -> Tensor:
        """The step to take: quasi-Newton, or steepest descent without a history."""
        steepest = -gradient * free
        if self._pairs:
            direction = self._solve(steepest).mul_(free)
            if _dot(direction, gradient) < 0:
                return direction
            self._pairs.clear()  # not downhill: the history misleads
        return steepest.mul_(gray_level_rate(steepest))

    def _solve(self, vector: Tensor) -> Tensor:
        """Multiply by the inverse Hessian of the history: the two-loop recursion."""
        newest = self._pairs[-1]
        shares = []
        vector = vector.clone()
        for pair in reversed(self._pairs):
            share = _dot(pair.step, vector) / pair.product
            vector.sub_(pair.change, alpha=share)
            shares.append(share)
        vector.mul_(newest.product / _dot(newest.change, newest.change))
        for pair, share in zip(self._pairs, reversed(shares), strict=True):
            back = _dot(pair.change, vector) / pair.product
            vector.add_(pair.step, alpha=share - back)
        return vector


def _dot(left: Tensor, right: Tensor) -> float:
    return float(left.flatten().dot(right.flatten()))
