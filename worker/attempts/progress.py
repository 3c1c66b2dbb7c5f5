"""Progress of an attempt: remaining time, losses, and the pace for other estimates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import structlog

from shared.errors import DatabaseUnavailable
from shared.workers.pace_table import (
    IterationTime,
    PaceMeasurement,
    load_pace_table,
    method_of,
    record_paces,
)
from worker.devices.device import describe_setup

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shared.clock import Clock
    from shared.jobs.claim import Claim
    from worker.context import WorkerContext
    from worker.engine.snapshot import Iterate

    Point = list[int | float | None]

log = structlog.get_logger(__name__)

MAX_POINTS = 500  # of a loss history; above it, every other point is dropped
_MEGA = 1_000_000
_LOSS_NAMES = ("total", "content", "style", "tv")
_MIN_AVERAGING_RATE = 1 / 30  # minimum weight of the newest iteration in the average
_MIN_ITERATIONS = 3  # fewer iterations give no reliable pace


class ProgressMeter:
    """Progress meter of an attempt, which also estimates its remaining time.

    The current scale is estimated by the pace of this attempt. Later scales are
    estimated by their time in earlier jobs, times the ratio of this attempt's time to
    theirs. If no earlier job was measured, the pace of the current scale is used. An
    exploration has one scale, whose iterations are its pictures.

    Args:
        clock: Clock of the process.

    Attributes:
        paces: Paces of the completed scales; of all scales after `finish`.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started_at = self._last = clock.monotonic()
        self._megapixels: Sequence[float] = ()  # by scale
        self._expected: Sequence[IterationTime | None] = ()  # by scale
        self._factor = 1.0  # measured over expected seconds, at the last measured scale
        self._pace: float | None = None  # seconds per megapixel-iteration
        self._timer = _ScaleTimer(-1, self._last, is_whole=False)
        self.paces: list[PaceMeasurement] = []

    def set_expected_pace(
        self, megapixels: Sequence[float], expected: Sequence[IterationTime | None]
    ) -> None:
        """Set the times of earlier jobs, once the pictures are loaded.

        Args:
            megapixels: Size of the picture at each scale.
            expected: Time of an iteration at each scale; None if it was never measured.
        """
        self._last = self._clock.monotonic()
        self._megapixels, self._expected = megapixels, expected

    def loading_progress(self, iteration: int, scale: int, done: int) -> dict[str, Any]:
        """Return the progress before the first iteration, as `jobs.progress` stores it.

        Args:
            iteration: Iterations done over all scales.
            scale: Index of the current scale.
            done: Iterations done at that scale.
        """
        position = {"scale": scale, "scale_iteration": done, "iteration": iteration}
        return {"phase": "loading", **position, **self._estimate(scale)}

    def progress(self, scale: int, done: int, size: tuple[int, int]) -> dict[str, Any]:
        """Return the measured progress after an iteration.

        Args:
            scale: Index of the current scale.
            done: Iterations done at that scale.
            size: Width and height of the picture.
        """
        now = self._clock.monotonic()
        if scale != self._timer.scale:
            self._finish_scale(self._last)
            started_at = self._started_at if self._timer.scale < 0 else self._last
            self._timer = _ScaleTimer(scale, started_at, is_whole=done == 1)
        self._timer.add(now - self._last)
        self._last = now
        width, height = size
        pace = None
        if seconds := self._timer.seconds:
            pace = seconds * _MEGA / (width * height)
            self._pace = seconds / self._megapixels[scale]
            if expected := self._expected[scale]:
                self._factor = seconds / expected.seconds
        return {
            "scale": scale,
            "scale_iteration": done,
            "width": width,
            "height": height,
            "seconds_per_mpx_iteration": pace or self._pace,
            **self._estimate(scale),
        }

    def finish(self) -> None:
        """End the last scale, after the result was stored."""
        self._finish_scale(self._clock.monotonic())

    def _finish_scale(self, now: float) -> None:
        """Append the pace of the current scale, unless it has too few iterations."""
        timer = self._timer
        if timer.is_whole and timer.count >= _MIN_ITERATIONS:
            size = self._megapixels[timer.scale]
            pace = (now - timer.started_at) / timer.count / size
            self.paces.append(PaceMeasurement(size, pace))

    def _estimate(self, scale: int) -> dict[str, Any]:
        """Return the values from which the remaining time is computed."""
        estimate: dict[str, Any] = {
            "elapsed_seconds": self._last - self._started_at,
            "updated_at": self._clock.time(),
        }
        times = [self._iteration_time(index) for index in range(len(self._megapixels))]
        measured = [time for time in times if time is not None]
        if len(measured) < len(times) or not measured:
            return estimate
        estimate["iteration_seconds"] = [time.seconds for time in measured]
        estimate["deviation"] = max(time.deviation for time in measured[scale:])
        return estimate

    def _iteration_time(self, scale: int) -> IterationTime | None:
        expected = self._expected[scale]
        if expected is not None:
            return expected.scaled(self._factor)
        if self._pace is None:
            return None
        return IterationTime(self._pace * self._megapixels[scale])


class LossHistory:
    """Loss history: evenly spread points [iteration, scale, total, content, style, tv].

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
        values = (getattr(losses, name) for name in _LOSS_NAMES)
        self._latest = [iterate.iteration, iterate.scale, *map(_rounded, values)]
        if iterate.iteration % self._stride == 0 or not self._points:
            self._points.append(self._latest)
        while len(self._points) > self._max_points:
            self._stride *= 2
            self._points = self._points[::2]

    @property
    def points(self) -> list[Point]:
        """Return the points of the history, including the latest point."""
        if self._latest is None or self._points[-1] is self._latest:
            return list(self._points)
        return [*self._points, self._latest]

    def at(self, iteration: int) -> dict[str, float | None]:
        """Return the losses of the latest point if it is of this iteration, else {}."""
        points = self.points[-1:]
        if not points or points[0][0] != iteration:
            return {}
        return dict(zip(_LOSS_NAMES, points[0][2:], strict=True))


def expected_times(
    context: WorkerContext, claim: Claim, megapixels: Sequence[float]
) -> list[IterationTime | None]:
    """Return the time of an iteration at each size; None if it is unknown.

    Args:
        context: Resources of the worker process.
        claim: Claim of the job.
        megapixels: Size of the picture at each scale.
    """
    try:
        table = load_pace_table(context.db)
    except DatabaseUnavailable as error:
        log.warning("pace_read_failed", error=str(error))
        return [None] * len(megapixels)
    key = _pace_key(context, claim)
    return [table.iteration_time(*key, size) for size in megapixels]


def store_paces(
    context: WorkerContext, claim: Claim, measurements: Sequence[PaceMeasurement]
) -> None:
    """Store measured paces; never raises, as the job has already succeeded."""
    try:
        record_paces(context.db, *_pace_key(context, claim), measurements)
    except DatabaseUnavailable as error:
        log.warning("pace_write_failed", error=str(error))
    except Exception:
        log.exception("pace_write_failed")


class _ScaleTimer:
    """Timer of the iterations of one scale.

    Args:
        scale: Index of the scale.
        started_at: Time of the end of the previous scale, or of the claim, in seconds.
        is_whole: True if this attempt began the scale with its first iteration.
    """

    def __init__(self, scale: int, started_at: float, *, is_whole: bool) -> None:
        self.scale, self.started_at, self.is_whole = scale, started_at, is_whole
        self.seconds = 0.0  # average of the last few dozen, without the first
        self.count = 0

    def add(self, seconds: float) -> None:
        """Add the seconds of an iteration; the first one also computed the targets."""
        if self.count:
            rate = max(_MIN_AVERAGING_RATE, 1 / self.count)
            self.seconds += rate * (seconds - self.seconds)
        self.count += 1


def _pace_key(context: WorkerContext, claim: Claim) -> tuple[str, str]:
    setup = describe_setup(context.settings, context.device)
    return setup, method_of(claim.kind, claim.params.model_dump())


def _rounded(loss: float) -> float | None:
    """Round a value to six digits, more than a plot shows; None if it is not finite."""
    return float(f"{loss:.6g}") if math.isfinite(loss) else None
