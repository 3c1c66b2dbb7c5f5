"""L-BFGS inside the box [0, 1]: one evaluation per iteration, no line search."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.engine.optimizers.base import (
    ComponentState,
    clamp_to_box,
    compute_gray_level_rate,
    find_free_pixels,
    is_finite,
    require_finite,
)

if TYPE_CHECKING:
    from torch import Tensor

HISTORY_SIZE = 10
MAX_LOSS_GROWTH = 3.0  # a step to a loss this many times the last one is undone
BACKTRACK_FACTOR = 0.3  # each undo in a row multiplies the next step by this
MAX_BACKTRACKS = 10
MAX_STEP_GRAY_LEVELS = 8.0  # beyond it the curvature pairs are not valid
MAX_STEP_GROWTH = 2.0  # a step this many times the one before may have gone too far
MIN_COSINE = 1e-6  # pairs with less curvature than this are useless


@dataclass(frozen=True, slots=True)
class _CurvaturePair:
    """One correction pair of the inverse Hessian, (s, y).

    Attributes:
        step: Change of the image, s, after the clamp.
        gradient_change: Change of the gradient, y.
        dot_product: s . y, above 0.
    """

    step: Tensor
    gradient_change: Tensor
    dot_product: float


@dataclass(frozen=True, slots=True)
class _Evaluation:
    """Image with its loss and gradient."""

    image: Tensor
    gradient: Tensor
    loss: float


class Lbfgs:
    """Projected L-BFGS; Nocedal & Wright (2006), algorithm 7.4.

    There are four departures. Pixels at the edge of the box whose gradient points
    outwards do not move. The result is clamped. The first step changes the image by
    one gray level on average, and no later step by more than eight. There is no line
    search; instead, a step is undone if the loss more than triples.

    Args:
        step_scale: Factor of every step.
    """

    def __init__(self, step_scale: float = 1.0) -> None:
        self._step_scale = step_scale
        self._pairs: deque[_CurvaturePair] = deque(maxlen=HISTORY_SIZE)
        self._accepted: _Evaluation | None = None
        self._backtracks = 0

    def step(self, image: Tensor, loss: float, gradient: Tensor) -> Tensor:
        """Return the next image, given the loss and its gradient at `image`.

        Raises:
            Diverged: The loss is not finite, even after several backtracks.
        """
        accepted = self._accepted
        if accepted is not None and self._must_backtrack(accepted, loss, gradient):
            return self._backtrack(accepted)
        require_finite(loss, gradient)
        if accepted is not None:
            self._add_pair(image - accepted.image, gradient - accepted.gradient)
        self._accepted, self._backtracks = _Evaluation(image, gradient, loss), 0
        direction = self._compute_direction(gradient, find_free_pixels(image, gradient))
        max_rate = MAX_STEP_GRAY_LEVELS * compute_gray_level_rate(direction)
        direction.mul_(min(1.0, max_rate or 1.0))
        return clamp_to_box(direction.mul_(self._step_scale).add_(image))

    def needs_verification(self, image: Tensor) -> bool:
        """Whether the step to `image` was much longer than the one before."""
        if self._accepted is None or not self._pairs:
            return False
        length = float((image - self._accepted.image).norm())
        return length > MAX_STEP_GROWTH * float(self._pairs[-1].step.norm())

    def accept_or_revert(self, image: Tensor, loss: float, gradient: Tensor) -> Tensor:
        """Return `image`, or the last accepted image if the loss grew too much."""
        accepted = self._accepted
        if accepted is None or not self._must_backtrack(accepted, loss, gradient):
            return image
        return accepted.image

    def handle_objective_change(self) -> None:
        """Discard the history: gradient differences would mix two objectives."""
        self._pairs.clear()
        self._accepted, self._backtracks = None, 0

    def save_state(self) -> ComponentState:
        """Return the accepted evaluation and the curvature pairs."""
        if self._accepted is None:
            return ComponentState()
        tensors = {"image": self._accepted.image, "gradient": self._accepted.gradient}
        numbers = {"loss": self._accepted.loss, "retreats": float(self._backtracks)}
        for index, pair in enumerate(self._pairs):
            tensors[f"step_{index}"] = pair.step
            tensors[f"change_{index}"] = pair.gradient_change
            numbers[f"product_{index}"] = pair.dot_product
        return ComponentState(tensors, numbers)

    def load_state(self, state: ComponentState) -> None:
        """Continue from a saved state."""
        tensors, numbers = state.tensors, state.numbers
        if not tensors:
            return
        self._accepted = _Evaluation(
            tensors["image"], tensors["gradient"], numbers["loss"]
        )
        self._backtracks = int(numbers["retreats"])
        for index in range(sum(name.startswith("product_") for name in numbers)):
            step, gradient_change = tensors[f"step_{index}"], tensors[f"change_{index}"]
            self._pairs.append(
                _CurvaturePair(step, gradient_change, numbers[f"product_{index}"])
            )

    def _must_backtrack(
        self, accepted: _Evaluation, loss: float, gradient: Tensor
    ) -> bool:
        max_loss = MAX_LOSS_GROWTH * accepted.loss
        is_diverging = loss > max_loss or not is_finite(loss, gradient)
        return is_diverging and self._backtracks < MAX_BACKTRACKS

    def _backtrack(self, accepted: _Evaluation) -> Tensor:
        """Take a smaller step from the accepted image, without the curvature pairs."""
        self._pairs.clear()
        self._backtracks += 1
        steepest = -accepted.gradient * find_free_pixels(
            accepted.image, accepted.gradient
        )
        rate = self._step_scale * compute_gray_level_rate(steepest)
        rate *= BACKTRACK_FACTOR**self._backtracks
        return clamp_to_box(steepest.mul_(rate).add_(accepted.image))

    def _add_pair(self, step: Tensor, gradient_change: Tensor) -> None:
        dot_product = _dot(step, gradient_change)
        change_norm_sq = _dot(gradient_change, gradient_change)
        # The norm can be 0 by underflow, since a weight may be as small as 1e-30.
        if not change_norm_sq:
            return
        if dot_product > MIN_COSINE * math.sqrt(_dot(step, step) * change_norm_sq):
            self._pairs.append(_CurvaturePair(step, gradient_change, dot_product))

    def _compute_direction(self, gradient: Tensor, free: Tensor) -> Tensor:
        """Return the quasi-Newton step, or steepest descent without a history."""
        steepest = -gradient * free
        if self._pairs:
            direction = self._apply_inverse_hessian(steepest).mul_(free)
            if _dot(direction, gradient) < 0:
                return direction
            self._pairs.clear()  # not a descent direction
        return steepest.mul_(compute_gray_level_rate(steepest))

    def _apply_inverse_hessian(self, vector: Tensor) -> Tensor:
        """Multiply by the inverse Hessian, by the two-loop recursion."""
        newest = self._pairs[-1]
        alphas = []
        vector = vector.clone()
        for pair in reversed(self._pairs):
            alpha = _dot(pair.step, vector) / pair.dot_product
            vector.sub_(pair.gradient_change, alpha=alpha)
            alphas.append(alpha)
        vector.mul_(
            newest.dot_product / _dot(newest.gradient_change, newest.gradient_change)
        )
        for pair, alpha in zip(self._pairs, reversed(alphas), strict=True):
            beta = _dot(pair.gradient_change, vector) / pair.dot_product
            vector.add_(pair.step, alpha=alpha - beta)
        return vector


def _dot(left: Tensor, right: Tensor) -> float:
    return float(left.flatten().dot(right.flatten()))
