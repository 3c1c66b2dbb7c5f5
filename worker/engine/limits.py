"""Limits of a run besides its parameters: memory, step scale, callback per tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def _do_nothing() -> None:
    """Default of `RunLimits.after_tile`."""


@dataclass(frozen=True, slots=True)
class RunLimits:
    """Limits of one run of the engine.

    Attributes:
        activation_bytes: Maximum memory of the activations; images that need more are
            computed in tiles. None: no limit. Tiles change results by rounding only.
        step_scale: Factor of every step of the optimizer; below 1 after a run diverged.
        after_tile: Callback after each tile. An exception ends the run; the last
            iterate stays valid.
    """

    activation_bytes: int | None = None
    step_scale: float = 1.0
    after_tile: Callable[[], None] = _do_nothing
