"""Loss history of a job: losses by iteration, in a bounded number of points."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.engine.snapshot import Iterate

    Point = list[int | float | None]

MAX_POINTS = 500  # above it, every other point is dropped


class LossHistory:
    """Points [iteration, scale, total, content, style, tv], evenly spread.

    Args:
        points: Points of earlier attempts.
        until_iteration: Iteration to continue from; later points are dropped.
        max_points: Maximum number of points.
    """

    def __init__(
        self,
        points: Iterable[Point] = (),
        until_iteration: int = 0,
        max_points: int = MAX_POINTS,
    ) -> None:
        self._points = [point for point in points if (point[0] or 0) <= until_iteration]
        self._max_points, self._stride = max_points, 1
        self._latest: Point | None = None

    def add(self, iterate: Iterate) -> None:
        """Add the losses of an iteration that just ended."""
        losses = iterate.losses
        values = (losses.total, losses.content, losses.style, losses.tv)
        self._latest = [iterate.iteration, iterate.scale, *map(_rounded, values)]
        if iterate.iteration % self._stride == 0 or not self._points:
            self._points.append(self._latest)
        while len(self._points) > self._max_points:
            self._stride *= 2
            self._points = self._points[::2]

    @property
    def points(self) -> list[Point]:
        """Points of the history, and always the latest point."""
        if self._latest is None or self._points[-1] is self._latest:
            return list(self._points)
        return [*self._points, self._latest]


def _rounded(loss: float) -> float | None:
    """Round to six digits, more than a plot shows; None if it is not finite."""
    return float(f"{loss:.6g}") if math.isfinite(loss) else None
