"""Plain gradient descent inside the box [0, 1]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.engine.optimizers.base import (
    ComponentState,
    clamp_to_box,
    compute_gray_level_rate,
    find_free_pixels,
    require_finite,
)

if TYPE_CHECKING:
    from torch import Tensor


class GradientDescent:
    """Gradient descent: image - learning rate * gradient, clamped to [0, 1].

    The first step of a scale changes the image by one gray level on average; this sets
    the learning rate. Each time the loss rises, the learning rate is halved.

    Args:
        step_scale: Factor of the first step.
    """

    def __init__(self, step_scale: float = 1.0) -> None:
        self._step_scale = step_scale
        self._learning_rate = 0.0
        self._loss = 0.0

    def step(self, image: Tensor, loss: float, gradient: Tensor) -> Tensor:
        """Take one step against the gradient."""
        require_finite(loss, gradient)
        if not self._learning_rate:
            descent = gradient * find_free_pixels(image, gradient)
            self._learning_rate = compute_gray_level_rate(descent) * self._step_scale
        elif loss > self._loss:
            self._learning_rate /= 2
        self._loss = loss
        return clamp_to_box(image - gradient * self._learning_rate)

    def needs_verification(self, image: Tensor) -> bool:  # noqa: ARG002 - no step is longer
        """Return False: the learning rate only falls."""
        return False

    def accept_or_revert(self, image: Tensor, loss: float, gradient: Tensor) -> Tensor:
        """Return `image`, if its loss is finite."""
        require_finite(loss, gradient)
        return image

    def handle_objective_change(self) -> None:
        """Discard the learning rate: the next step sets it again."""
        self._learning_rate = self._loss = 0.0

    def save_state(self) -> ComponentState:
        """Return the learning rate and the last loss; no tensors."""
        return ComponentState(numbers={"rate": self._learning_rate, "loss": self._loss})

    def load_state(self, state: ComponentState) -> None:
        """Continue from a saved state."""
        if state.numbers:
            self._learning_rate, self._loss = (
                state.numbers["rate"],
                state.numbers["loss"],
            )
