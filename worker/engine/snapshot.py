"""Iterates, and snapshots: the state from which a run resumes exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from worker.engine.optimizers.base import ComponentState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from worker.engine.objective import Losses

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """State after one iteration, from which another process resumes bit for bit.

    Targets are not part of it: they are computed again from the same images, with the
    same values. The matches of the neighbors loss are part of it, since the image that
    they come from no longer exists. It holds references, not copies: nothing changes
    these tensors later.

    Attributes:
        iteration: Number of iterations done, over all scales.
        scale: Index of the image's scale, from 0.
        scale_iteration: Number of iterations done at that scale.
        tensors: Tensors by name: "image", (1, 3, H, W); "point", the optimized tensor,
            and "result", the start of the next scale, if they differ from it; and the
            tensors of the components as "<component>.<name>".
        numbers: Numbers of the components by such names; JSON stores them exactly.
    """

    iteration: int
    scale: int
    scale_iteration: int
    tensors: Mapping[str, Tensor]
    numbers: Mapping[str, float]

    @property
    def image(self) -> Tensor:
        """Image of this iteration; after the last one, the result of the run."""
        return self.tensors["image"]

    @property
    def point(self) -> Tensor:
        """Optimized tensor: colors, (1, 3, H, W), or luminance, (1, 1, H, W)."""
        return self.tensors.get("point", self.image)

    @property
    def result(self) -> Tensor:
        """Result of the optimization: `point`, or the average of points."""
        return self.tensors.get("result", self.point)

    @property
    def stopped_early(self) -> bool:
        """Whether early stopping ended the scale."""
        return bool(self.numbers.get("still.reached"))

    def component_state(self, component: str) -> ComponentState:
        """Return the state of one component, such as the optimizer."""
        return ComponentState(
            _select_by_prefix(self.tensors, f"{component}."),
            _select_by_prefix(self.numbers, f"{component}."),
        )


@dataclass(frozen=True, slots=True)
class Iterate:
    """Result of one iteration; later iterations do not change it.

    Attributes:
        iteration: Number of the iteration over all scales, from 1. Iterations that a
            scale skipped by early stopping count as done.
        scale: Index of the scale, from 0.
        scale_iteration: Number of the iteration within the scale, from 1.
        losses: Losses of the image that this iteration started from.
        image: Image after the iteration, (1, 3, H, W), RGB in [0, 1]; averaged, or
            with the content's chroma, if the parameters require it.
    """

    iteration: int
    scale: int
    scale_iteration: int
    losses: Losses
    image: Tensor
    _point: Tensor
    _result: Tensor
    _states: Mapping[str, ComponentState]

    def snapshot(self) -> Snapshot:
        """Return the state to resume from, without copies."""
        tensors = {"image": self.image}
        if self._point is not self.image:
            tensors["point"] = self._point
        if self._result is not self._point:
            tensors["result"] = self._result
        numbers: dict[str, float] = {}
        for component, state in self._states.items():
            for name, tensor in state.tensors.items():
                tensors[f"{component}.{name}"] = tensor
            for name, number in state.numbers.items():
                numbers[f"{component}.{name}"] = number
        position = (self.iteration, self.scale, self.scale_iteration)
        return Snapshot(*position, tensors, numbers)


def _select_by_prefix(items: Mapping[str, T], prefix: str) -> dict[str, T]:
    return {
        name.removeprefix(prefix): value
        for name, value in items.items()
        if name.startswith(prefix)
    }
