"""What a run must keep to, besides its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def _go_on() -> None:
    """Nobody is waiting for a sign of life."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Memory, caution and signs of life.

    Attributes:
        activation_bytes: What the activations may take; more is computed in tiles.
            None: anything. Pictures come out the same but for rounding.
        step: Factor of every step of the optimizer; below 1 after one diverged.
        tick: Called after each tile. What it raises ends the run, of which the last
            iterate stays valid.
    """

    activation_bytes: int | None = None
    step: float = 1.0
    tick: Callable[[], None] = _go_on
