"""Average of the iterates, and early stopping."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.engine.optimizers.base import GRAY_LEVEL, ComponentState

if TYPE_CHECKING:
    from torch import Tensor

CHECK_INTERVAL = 10  # iterations; a single iteration may change little by chance


class IterateAverage:
    """Exponential moving average (EMA) of the iterates, without bias.

    Katherine Crowson's style-transfer-pytorch also returns this average: steps of Adam
    do not get shorter, so a single iterate stays one step away from the optimum.

    Args:
        decay: Weight of earlier iterates; with 0 the average is the last iterate.
    """

    def __init__(self, decay: float) -> None:
        self._decay = decay
        self._mean: Tensor | None = None
        self._count = 0

    def update(self, point: Tensor) -> Tensor:
        """Add an iterate, and return the average, of the same shape."""
        if not self._decay:
            return point
        self._count += 1
        weight = (1 - self._decay) / (1 - self._decay**self._count)
        self._mean = point if self._mean is None else self._mean.lerp(point, weight)
        return self._mean

    def save_state(self) -> ComponentState:
        """Return the average and the number of iterates in it."""
        if self._mean is None:
            return ComponentState()
        return ComponentState({"mean": self._mean}, {"count": float(self._count)})

    def load_state(self, state: ComponentState) -> None:
        """Continue from a saved state."""
        if state.tensors:
            self._mean = state.tensors["mean"]
            self._count = int(state.numbers["count"])


class EarlyStopping:
    """Check for early stopping: whether the image no longer changes visibly.

    Args:
        min_change: Mean change over ten iterations, in gray levels, below which the
            scale stops; with 0 it never stops.

    Attributes:
        is_triggered: Whether the change at the last check was smaller.
    """

    def __init__(self, min_change: float) -> None:
        self._threshold = min_change * GRAY_LEVEL
        self._previous: Tensor | None = None
        self._count = 0
        self.is_triggered = False

    def update(self, image: Tensor) -> None:
        """Compare the next image with the last checked one, every ten iterations."""
        if not self._threshold:
            return
        if self._count % CHECK_INTERVAL == 0:
            if self._previous is not None:
                change = float((image - self._previous).abs().mean())
                self.is_triggered = change < self._threshold
            self._previous = image
        self._count += 1

    def save_state(self) -> ComponentState:
        """Return the image of the last check and the count of iterations."""
        if self._previous is None:
            return ComponentState()
        numbers = {"count": float(self._count), "reached": float(self.is_triggered)}
        return ComponentState({"before": self._previous}, numbers)

    def load_state(self, state: ComponentState) -> None:
        """Continue from a saved state."""
        if state.tensors:
            self._previous = state.tensors["before"]
            self._count = int(state.numbers["count"])
            self.is_triggered = bool(state.numbers["reached"])
