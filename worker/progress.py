"""What an attempt tells about itself, and the pace that its time left follows from."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from worker.engine.exploring import Look
    from worker.engine.snapshot import Iterate

_MEGA = 1_000_000


class Meter:
    """Measures an attempt: its age, and the seconds per megapixel and iteration.

    Pixels of large scales cost less than those of small ones, so only the scale at
    hand counts; until it has one measured iteration, the scale before stands in.
    """

    def __init__(self) -> None:
        self._began = self._last = time.monotonic()
        self._scale = -1
        self._seconds = 0.0
        self._megapixels = 0.0
        self._pace: float | None = None

    def progress(self, iterate: Iterate) -> dict[str, Any]:
        """Describe an iteration that has just ended, as `jobs.progress` stores it."""
        height, width = iterate.image.shape[-2:]
        self._measure(iterate.scale, width * height / _MEGA)
        return {
            "phase": "optimizing",
            "scale": iterate.scale,
            "scale_iteration": iterate.scale_iteration,
            "width": width,
            "height": height,
            "iteration": iterate.iteration,
            "losses": asdict(iterate.losses),
            "seconds_per_mpx_iteration": self._pace,
            "elapsed_seconds": self._last - self._began,
            "updated_at": time.time(),
        }

    def _measure(self, scale: int, megapixels: float) -> None:
        now = time.monotonic()
        if scale != self._scale:
            # The first iteration of a scale also made its targets: not its pace.
            self._scale, self._seconds, self._megapixels = scale, 0.0, 0.0
        else:
            self._seconds += now - self._last
            self._megapixels += megapixels
            self._pace = self._seconds / self._megapixels
        self._last = now


class LookMeter:
    """Measures an attempt at an exploration, where every picture is one step."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._megapixels = 0.0

    def progress(self, look: Look) -> dict[str, Any]:
        """Describe a look that has just ended, as `jobs.progress` stores it."""
        elapsed = time.monotonic() - self._began
        self._megapixels += look.width * look.height / _MEGA
        return {
            "phase": "looking",
            "scale": 0,
            "scale_iteration": look.pictures,
            "width": look.width,
            "height": look.height,
            "iteration": look.pictures,
            "losses": {},
            "seconds_per_mpx_iteration": elapsed / self._megapixels,
            "elapsed_seconds": elapsed,
            "updated_at": time.time(),
        }
