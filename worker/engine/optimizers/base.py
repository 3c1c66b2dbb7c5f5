"""Interface of the optimizers, and their common functions: box, first step, state."""

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
    """State of an optimizer or another component between two iterations.

    Attributes:
        tensors: Tensors by name; never changed in place later, so they need no copy.
        numbers: Numbers by name; JSON stores them exactly.
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

    An optimizer keeps the image inside [0, 1]. It never changes a returned tensor in
    place. It saves all its state, so that a run resumes exactly.
    """

    def step(self, image: Tensor, loss: float, gradient: Tensor) -> Tensor:
        """Return the next image, given the loss and its gradient at `image`.

        Raises:
            Diverged: Loss or gradient is not finite, and no earlier image is left.
        """

    def needs_verification(self, image: Tensor) -> bool:
        """Whether the step to `image` must be checked before the image is final."""

    def accept_or_revert(self, image: Tensor, loss: float, gradient: Tensor) -> Tensor:
        """Return the final image: `image`, or the one before a step that failed."""

    def handle_objective_change(self) -> None:
        """Discard the state that a change of the objective makes invalid."""


def clamp_to_box(image: Tensor) -> Tensor:
    """Clamp an image to [0, 1] in place.

    Without this, the optimized picture would differ from the saved one, whose colors
    are clamped.
    """
    return image.clamp_(0, 1)


def find_free_pixels(image: Tensor, gradient: Tensor) -> Tensor:
    """Return a mask, (1, C, H, W), of the pixels whose step does not leave the box."""
    return ((image > 0) | (gradient < 0)) & ((image < 1) | (gradient > 0))


def compute_gray_level_rate(direction: Tensor) -> float:
    """Return the factor that makes `direction` a mean change of one gray level.

    Losses have no natural size, so no constant step length fits all of them. torch's
    first step of L-BFGS, min(1, 1 / |g|), is smaller than the rounding of a picture, or
    much too large.
    """
    mean = float(direction.abs().mean())
    return GRAY_LEVEL / mean if mean else 0.0


def is_finite(loss: float, gradient: Tensor) -> bool:
    """Whether a loss and its gradient have neither NaN nor infinity."""
    return math.isfinite(loss) and math.isfinite(float(gradient.abs().sum()))


def require_finite(loss: float, gradient: Tensor) -> None:
    """Check that a loss and its gradient are finite.

    Raises:
        Diverged: The loss or its gradient is NaN or infinite.
    """
    if not is_finite(loss, gradient):
        raise Diverged(f"the loss or its gradient is not finite (loss {loss})")
