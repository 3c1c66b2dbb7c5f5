"""Interface of the optimizers and what they share: box, first step, saved state."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from shared.errors import Diverged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

GRAY_LEVEL = 1 / 255


@dataclass(frozen=True, slots=True)
class ComponentState:
    """State that an optimizer or another component keeps between two iterations.

    Attributes:
        tensors: By name; never changed in place afterwards, so they need no copy.
        numbers: By name; exact through JSON.
    """

    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)


class Stateful(Protocol):
    """Component whose state is part of a snapshot."""

    def save_state(self) -> ComponentState:
        """Return the whole state."""

    def load_state(self, state: ComponentState) -> None:
        """Continue from a saved state."""


class Optimizer(Stateful, Protocol):
    """Optimizer that moves an image once per evaluation of the objective.

    An optimizer keeps the image inside [0, 1], never changes a tensor in place that it
    has returned, and saves all its state, so that a run resumes exactly.
    """

    def step(self, image: Tensor, loss: float, gradient: Tensor) -> Tensor:
        """Return the next image, given the loss and its gradient at `image`.

        Raises:
            Diverged: They are not finite, and there is no earlier image to return to.
        """

    def needs_verification(self, image: Tensor) -> bool:
        """Whether the step that led to `image` is to be checked before it is final."""

    def accept_or_revert(self, image: Tensor, loss: float, gradient: Tensor) -> Tensor:
        """Return the final image: `image`, or the one before a step that failed."""

    def handle_objective_change(self) -> None:
        """Discard the state that no longer holds, as the objective has changed."""


def clamp_to_box(image: Tensor) -> Tensor:
    """Clamp an image to [0, 1], the colors that exist, in place.

    Engines that clamp only what they save optimize a picture nobody sees.
    """
    return image.clamp_(0, 1)


def find_free_pixels(image: Tensor, gradient: Tensor) -> Tensor:
    """Return a mask of the pixels that may move, (1, C, H, W): not out of the box."""
    return ((image > 0) | (gradient < 0)) & ((image < 1) | (gradient > 0))


def compute_gray_level_rate(direction: Tensor) -> float:
    """Return the factor that makes `direction` a mean change of one gray level.

    Losses have no natural size, hence no step length fits all. torch's own first step
    of L-BFGS, min(1, 1 / |g|), is below one ulp of a picture, or blows it up.
    """
    mean = float(direction.abs().mean())
    return GRAY_LEVEL / mean if mean else 0.0


def is_finite(loss: float, gradient: Tensor) -> bool:
    """Whether a loss and its gradient have neither NaN nor infinity."""
    return math.isfinite(loss) and math.isfinite(float(gradient.abs().sum()))


def require_finite(loss: float, gradient: Tensor) -> None:
    """Raise if no step can be computed.

    Raises:
        Diverged: The loss or its gradient is NaN or infinite.
    """
    if not is_finite(loss, gradient):
        raise Diverged(f"the loss or its gradient is not finite (loss {loss})")
