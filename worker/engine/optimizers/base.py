"""What the optimizers share: the box, the first step, the state they save."""

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
class State:
    """Everything an optimizer remembers between two iterations.

    Attributes:
        tensors: By name; never changed in place afterwards, so they need no copy.
        numbers: By name; exact through JSON.
    """

    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)


class Remembers(Protocol):
    """What is part of a snapshot."""

    def state(self) -> State:
        """Everything remembered."""

    def load(self, state: State) -> None:
        """Continue from a `state`."""


def into_box(image: Tensor) -> Tensor:
    """Clamp to the colors that exist, in place.

    Engines that clamp only what they save optimize a picture nobody sees.
    """
    return image.clamp_(0, 1)


def free_pixels(image: Tensor, gradient: Tensor) -> Tensor:
    """Tell the pixels that may move, (1, 3, H, W): not those pushed out of the box."""
    return ((image > 0) | (gradient < 0)) & ((image < 1) | (gradient > 0))


def gray_level_rate(direction: Tensor) -> float:
    """Factor that makes `direction` a mean change of one gray level.

    Losses have no natural size, hence no step length fits all. torch's own first step
    of L-BFGS, min(1, 1 / |g|), is below one ulp of a picture, or blows it up.
    """
    mean = float(direction.abs().mean())
    return GRAY_LEVEL / mean if mean else 0.0


def is_finite(loss: float, gradient: Tensor) -> bool:
    """Whether an evaluation can be used."""
    return math.isfinite(loss) and math.isfinite(float(gradient.abs().sum()))


def require_finite(loss: float, gradient: Tensor) -> None:
    """Stop where no step could be computed.

    Raises:
        Diverged: The loss or its gradient is NaN or infinite.
    """
    if not is_finite(loss, gradient):
        raise Diverged(f"the loss or its gradient is not finite (loss {loss})")
