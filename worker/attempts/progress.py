"""Progress of an attempt, and the estimate of its remaining time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.workers.pace_table import IterationTime, PaceMeasurement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.clock import Clock

_MEGA = 1_000_000
_MIN_AVERAGING_RATE = 1 / 30  # least weight of the newest iteration in the average
_MIN_ITERATIONS = 3  # iterations; fewer say nothing about other jobs


class ProgressMeter:
    """Progress meter of an attempt, which also estimates its remaining time.

    The current scale is expected to go on at the pace of this attempt. Later scales
    take what they took in earlier jobs, times how much slower than those this attempt
    is; if none was measured, they take the pace of the current scale. An exploration
    has one scale, whose iterations are its pictures.

    Args:
        clock: Clock of the process.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started_at = self._last = clock.monotonic()
        self._megapixels: Sequence[float] = ()  # by scale
        self._expected: Sequence[IterationTime | None] = ()  # by scale
        self._factor = 1.0  # measured over expected seconds, at the last measured scale
        self._pace: float | None = None  # seconds per megapixel-iteration
        self._timer = _ScaleTimer(-1, self._last, is_whole=False)
        self._finished_scales: list[PaceMeasurement] = []

    def set_expected_pace(
        self, megapixels: Sequence[float], expected: Sequence[IterationTime | None]
    ) -> None:
        """Set what earlier jobs took; the pictures are loaded by now.

        Args:
            megapixels: Size of the picture at each scale.
            expected: Time of an iteration at each scale, where one was measured.
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
        """Return what is measured of the progress after an iteration.

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

    def finish(self) -> list[PaceMeasurement]:
        """Return the paces of all measured scales; the result was just stored."""
        self._finish_scale(self._clock.monotonic())
        return self._finished_scales

    def _finish_scale(self, now: float) -> None:
        """Note the pace of the current scale, unless it has too few iterations."""
        timer = self._timer
        if timer.is_whole and timer.count >= _MIN_ITERATIONS:
            size = self._megapixels[timer.scale]
            pace = (now - timer.started_at) / timer.count / size
            self._finished_scales.append(PaceMeasurement(size, pace))

    def _estimate(self, scale: int) -> dict[str, Any]:
        """Return what the remaining time is computed from."""
        estimate: dict[str, Any] = {
            "elapsed_seconds": self._last - self._started_at,
            "updated_at": self._clock.time(),
        }
        times = [self._iteration_time(index) for index in range(len(self._megapixels))]
        known = [time for time in times if time is not None]
        if len(known) < len(times) or not known:
            return estimate
        estimate["iteration_seconds"] = [time.seconds for time in known]
        estimate["deviation"] = max(time.deviation for time in known[scale:])
        return estimate

    def _iteration_time(self, scale: int) -> IterationTime | None:
        expected = self._expected[scale]
        if expected is not None:
            return expected.scaled(self._factor)
        if self._pace is None:
            return None
        return IterationTime(self._pace * self._megapixels[scale])


class _ScaleTimer:
    """Timer of the iterations of one scale.

    Args:
        scale: Index of the scale.
        started_at: When the scale before ended, or when the job was claimed.
        is_whole: Whether this attempt began the scale with its first iteration.
    """

    def __init__(self, scale: int, started_at: float, *, is_whole: bool) -> None:
        self.scale, self.started_at, self.is_whole = scale, started_at, is_whole
        self.seconds = 0.0  # average of the last few dozen iterations but the first
        self.count = 0

    def add(self, seconds: float) -> None:
        """Add the seconds of an iteration; the first one also computed the targets."""
        if self.count:
            rate = max(_MIN_AVERAGING_RATE, 1 / self.count)
            self.seconds += rate * (seconds - self.seconds)
        self.count += 1
