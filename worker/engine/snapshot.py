"""Where a run is: what one iteration left behind, and all it takes to go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from worker.engine.optimizers.base import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from worker.engine.objective import Losses

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All it takes to go on after one iteration, bit for bit, in another process.

    Targets are not in it: they are recomputed from the same pictures and come out the
    same. Holds references, not copies: nothing changes these tensors afterwards.

    Attributes:
        iteration: Iterations done, over all scales.
        scale: Index of the scale the image has, from 0.
        scale_iteration: Iterations done at that scale.
        tensors: "image", (1, 3, H, W); "point", what is optimized, and "result", what
            the next scale goes on from, where they differ from it; and those of the
            optimizer and its companions, by name.
        numbers: Theirs, by name; exact through JSON.
    """

    iteration: int
    scale: int
    scale_iteration: int
    tensors: Mapping[str, Tensor]
    numbers: Mapping[str, float]

    @property
    def image(self) -> Tensor:
        """The picture at this point; the result, if no iterations are left."""
        return self.tensors["image"]

    @property
    def point(self) -> Tensor:
        """What is optimized: colors, or their brightness, (1, 1, H, W)."""
        return self.tensors.get("point", self.image)

    @property
    def result(self) -> Tensor:
        """What the optimization has come to: `point`, or the average of many."""
        return self.tensors.get("result", self.point)

    @property
    def is_still(self) -> bool:
        """Whether nothing visible changed any more: its scale is over."""
        return bool(self.numbers.get("still.reached"))

    def state(self, owner: str) -> State:
        """What `owner` remembered."""
        return State(_owned(self.tensors, owner), _owned(self.numbers, owner))


@dataclass(frozen=True, slots=True)
class Iterate:
    """What one iteration left behind; stays valid.

    Attributes:
        iteration: Over all scales, from 1. Those that a scale skipped by stopping
            early count as done.
        scale: Index of the scale, from 0.
        scale_iteration: Within the scale, from 1.
        losses: Of the picture this iteration started from.
        image: The picture it arrived at, (1, 3, H, W), RGB in [0, 1]; averaged, and
            with the content's chroma put back, if that was asked for.
    """

    iteration: int
    scale: int
    scale_iteration: int
    losses: Losses
    image: Tensor
    _point: Tensor
    _result: Tensor
    _states: Mapping[str, State]

    def snapshot(self) -> Snapshot:
        """Everything needed to continue from here; costs nothing."""
        tensors = {"image": self.image}
        if self._point is not self.image:
            tensors["point"] = self._point
        if self._result is not self._point:
            tensors["result"] = self._result
        numbers: dict[str, float] = {}
        for owner, state in self._states.items():
            tensors |= {f"{owner}.{name}": each for name, each in state.tensors.items()}
            numbers |= {f"{owner}.{name}": each for name, each in state.numbers.items()}
        place = (self.iteration, self.scale, self.scale_iteration)
        return Snapshot(*place, tensors, numbers)


def _owned(items: Mapping[str, T], owner: str) -> dict[str, T]:
    prefix = f"{owner}."
    return {
        name.removeprefix(prefix): each
        for name, each in items.items()
        if name.startswith(prefix)
    }
