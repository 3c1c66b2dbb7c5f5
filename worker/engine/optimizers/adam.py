"""Adam inside the box [0, 1]."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from worker.engine.optimizers.base import (
    GRAY_LEVEL,
    ComponentState,
    clamp_to_box,
    require_finite,
)

if TYPE_CHECKING:
    from torch import Tensor

LEARNING_RATE = 3 * GRAY_LEVEL  # 5 and 2 gray levels end at higher losses
BETA1 = 0.9
BETA2 = 0.99
EPSILON = 1e-20


class Adam:
    """Adam, clamped to [0, 1]; Kingma & Ba (2015), algorithm 1.

    There are two departures: beta2 is 0.99, since there are only dozens of steps, and
    epsilon is so small that it only prevents 0 / 0, since 1e-8 is not small compared
    with the gradient by one of many pixels.

    Args:
        step_scale: Factor of every step.
    """

    def __init__(self, step_scale: float = 1.0) -> None:
        self._step_scale = step_scale
        self._exp_avg: Tensor | None = None
        self._exp_avg_sq: Tensor | None = None
        self._step_count = 0

    def step(self, image: Tensor, loss: float, gradient: Tensor) -> Tensor:
        """Take a step along the average gradient, normalized pixel by pixel."""
        require_finite(loss, gradient)
        exp_avg, exp_avg_sq = self._exp_avg, self._exp_avg_sq
        if exp_avg is None or exp_avg_sq is None:
            exp_avg, exp_avg_sq = torch.zeros_like(image), torch.zeros_like(image)
        self._exp_avg = exp_avg.lerp(gradient, 1 - BETA1)
        self._exp_avg_sq = exp_avg_sq.lerp(gradient.square(), 1 - BETA2)
        self._step_count += 1
        unbiased = self._exp_avg_sq / (1 - BETA2**self._step_count)
        learning_rate = self._step_scale * LEARNING_RATE / (1 - BETA1**self._step_count)
        step = self._exp_avg / unbiased.sqrt_().add_(EPSILON)
        return clamp_to_box(step.mul_(-learning_rate).add_(image))

    def needs_verification(self, image: Tensor) -> bool:  # noqa: ARG002 - no step is longer
        """Return False: no pixel moves much further than the learning rate."""
        return False

    def accept_or_revert(self, image: Tensor, loss: float, gradient: Tensor) -> Tensor:
        """Return `image`, if its loss is finite."""
        require_finite(loss, gradient)
        return image

    def handle_objective_change(self) -> None:
        """Keep the state, since the averages of gradients adapt by themselves."""

    def save_state(self) -> ComponentState:
        """Return the averages and the number of steps."""
        if self._exp_avg is None or self._exp_avg_sq is None:
            return ComponentState()
        tensors = {"mean": self._exp_avg, "square": self._exp_avg_sq}
        return ComponentState(tensors, {"steps": float(self._step_count)})

    def load_state(self, state: ComponentState) -> None:
        """Continue from a saved state."""
        if state.tensors:
            self._exp_avg = state.tensors["mean"]
            self._exp_avg_sq = state.tensors["square"]
            self._step_count = int(state.numbers["steps"])
