"""The losses of a run, iteration by iteration, in a bounded number of points."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.engine.snapshot import Iterate

    Point = list[int | float | None]

MOST = 500  # points; above it, every other one goes


class Curve:
    """Points [iteration, scale, total, content, style, tv], evenly spread.

    Args:
        points: Of an earlier attempt.
        until: Iteration that this one goes on from; later points are of no use.
        most: Points at most.
    """

    def __init__(
        self, points: Iterable[Point] = (), until: int = 0, most: int = MOST
    ) -> None:
        self._points = [one for one in points if (one[0] or 0) <= until]
        self._most, self._stride = most, 1
        self._last: Point | None = None

    def add(self, iterate: Iterate) -> None:
        """Take the losses of an iteration that has just ended."""
        losses = iterate.losses
        values = (losses.total, losses.content, losses.style, losses.tv)
        self._last = [iterate.iteration, iterate.scale, *map(_short, values)]
        if iterate.iteration % self._stride == 0 or not self._points:
            self._points.append(self._last)
        while len(self._points) > self._most:
            self._stride *= 2
            self._points = self._points[::2]

    @property
    def points(self) -> list[Point]:
        """All that are kept, and the latest."""
        if self._last is None or self._points[-1] is self._last:
            return list(self._points)
        return [*self._points, self._last]


def _short(loss: float) -> float | None:
    """Six digits are more than a curve shows; what is no number is None."""
    return float(f"{loss:.6g}") if math.isfinite(loss) else None
