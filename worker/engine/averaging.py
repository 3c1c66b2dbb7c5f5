"""What a run remembers beside the optimizer: the average of iterates, and stillness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.engine.optimizers.base import GRAY_LEVEL, State

if TYPE_CHECKING:
    from torch import Tensor

STILL_ITERATIONS = 10  # a single iteration may stand still by chance


class Average:
    """Running average of iterates with exponentially falling weights, without bias.

    The result of Katherine Crowson's style-transfer-pytorch, too: steps of Adam keep
    their length, so each single iterate is off by one.

    Args:
        decay: Weight of the past; 0 takes the last iterate alone.
    """

    def __init__(self, decay: float) -> None:
        self._decay = decay
        self._mean: Tensor | None = None
        self._count = 0

    def add(self, point: Tensor) -> Tensor:
        """Take in an iterate, and return the average, same shape."""
        if not self._decay:
            return point
        self._count += 1
        newest = (1 - self._decay) / (1 - self._decay**self._count)
        self._mean = point if self._mean is None else self._mean.lerp(point, newest)
        return self._mean

    def state(self) -> State:
        """Everything remembered."""
        if self._mean is None:
            return State()
        return State({"mean": self._mean}, {"count": float(self._count)})

    def load(self, state: State) -> None:
        """Continue from a `state`."""
        if state.tensors:
            self._mean = state.tensors["mean"]
            self._count = int(state.numbers["count"])


class Stillness:
    """Tells when nothing visible changes any more.

    Args:
        gray_levels: Mean change over ten iterations below which nothing does; 0: never.
    """

    def __init__(self, gray_levels: float) -> None:
        self._threshold = gray_levels * GRAY_LEVEL
        self._before: Tensor | None = None
        self._count = 0
        self.reached = False

    def watch(self, image: Tensor) -> None:
        """Look at the next picture."""
        if not self._threshold:
            return
        if self._count % STILL_ITERATIONS == 0:
            if self._before is not None:
                change = float((image - self._before).abs().mean())
                self.reached = change < self._threshold
            self._before = image
        self._count += 1

    def state(self) -> State:
        """Everything remembered."""
        if self._before is None:
            return State()
        numbers = {"count": float(self._count), "reached": float(self.reached)}
        return State({"before": self._before}, numbers)

    def load(self, state: State) -> None:
        """Continue from a `state`."""
        if state.tensors:
            self._before = state.tensors["before"]
            self._count = int(state.numbers["count"])
            self.reached = bool(state.numbers["reached"])
