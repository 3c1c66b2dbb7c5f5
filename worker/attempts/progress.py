"""Progress of an attempt at a style job, and the estimate of its remaining time."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from shared.forecast.pace_model import PaceStep, scale_megapixels
from shared.forecast.pace_store import PaceMeasurement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.clock import Clock
    from shared.forecast.pace_model import DurationRange, JobCost, PaceModel
    from worker.engine.snapshot import Iterate

    Stages = Sequence[tuple[int, int]]

_MEGA = 1_000_000
ITERATIONS_TO_TRUST = 4  # after so many, an attempt's own pace counts half


class ProgressMeter:
    """Progress meter of a style job, which also estimates its remaining time.

    The expected cost of each scale comes from earlier jobs. The meter measures how much
    faster or slower this attempt is, and multiplies the remaining cost by that factor.
    A few iterations have little weight in it, many have nearly all.

    Args:
        clock: Clock of the process.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started_at = self._last = clock.monotonic()
        self._expected_cost: JobCost | None = None
        self._megapixels_by_scale: Sequence[float] = ()  # megapixels of each scale
        self._earlier_factor = 1.0  # measured over expected cost, by earlier scales
        self._step_timer = StepTimer(-1, 0.0)  # of the current scale
        self._load_seconds = 0.0
        self._finished_scales: list[PaceMeasurement] = []
        self.forecast: DurationRange | None = None

    def set_expected_pace(
        self, pace_model: PaceModel, stages: Stages, size: tuple[int, int]
    ) -> None:
        """Set the expected cost by earlier jobs; the pictures are loaded by now.

        Args:
            pace_model: Pace model of this method on this worker.
            stages: (long side in px, remaining iterations) per scale.
            size: Width and height of the photo.
        """
        self._last = self._clock.monotonic()
        self._load_seconds = self._last - self._started_at
        self._megapixels_by_scale = scale_megapixels(stages, *size)
        counts = [count for _, count in stages]
        self._expected_cost = pace_model.job_cost(
            list(zip(self._megapixels_by_scale, counts, strict=True))
        )
        if self._expected_cost is not None:
            self.forecast = self._expected_cost.duration(counts)

    def loading_progress(self, iteration: int, scale: int, done: int) -> dict[str, Any]:
        """Return the progress before the first iteration, as `jobs.progress` stores it.

        Args:
            iteration: Iterations done over all scales.
            scale: Index of the current scale.
            done: Iterations done at that scale.
        """
        position = {"scale": scale, "scale_iteration": done, "iteration": iteration}
        return {"phase": "loading", **position, **self._estimate()}

    def progress(self, iterate: Iterate) -> dict[str, Any]:
        """Return the progress after an iteration, as `jobs.progress` stores it."""
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
            "seconds_per_mpx_iteration": self._step_timer.pace,
            **self._estimate(),
        }

    def measurements(self) -> list[PaceMeasurement]:
        """Return all measurements; the result was just stored."""
        largest = self._megapixels_by_scale[-1]
        seconds = self._clock.monotonic() - self._last
        return [
            PaceMeasurement(PaceStep.LOAD, largest, self._load_seconds),
            *self._finished_scales,
            *self._step_timer.measurements(),
            PaceMeasurement(PaceStep.SAVE, largest, seconds),
        ]

    @property
    def elapsed_seconds(self) -> float:
        """Seconds since the claim."""
        return self._clock.monotonic() - self._started_at

    def _measure(self, scale: int, megapixels: float) -> None:
        now = self._clock.monotonic()
        if scale != self._step_timer.scale:
            self._earlier_factor = self._pace_factor()
            self._finished_scales += self._step_timer.measurements()
            pace = self._step_timer.pace
            self._step_timer = StepTimer(scale, megapixels, pace)
        self._step_timer.add(now - self._last)
        self._last = now

    def _pace_factor(self) -> float:
        """Measured over expected seconds of an iteration."""
        expected, timer = self._expected_cost, self._step_timer
        if expected is None or not timer.count:
            return self._earlier_factor
        ratio = timer.seconds / (
            expected.scales[timer.scale].iteration_seconds * self._earlier_factor
        )
        trust = timer.count / (timer.count + ITERATIONS_TO_TRUST)
        return self._earlier_factor * float(ratio**trust)

    def _estimate(self) -> dict[str, Any]:
        """Return what the remaining time is computed from."""
        estimate = {
            "elapsed_seconds": self._last - self._started_at,
            "updated_at": self._clock.time(),
        }
        expected, pace = self._expected_cost, self._step_timer.pace
        if expected is not None:
            factor = self._pace_factor()
            costs = [
                (c.iteration_seconds * factor, c.targets_seconds * factor)
                for c in expected.scales
            ]
            estimate["save_seconds"] = expected.save_seconds
            trust = self._step_timer.count / (
                self._step_timer.count + ITERATIONS_TO_TRUST
            )
            estimate["deviation"] = expected.deviation * (1 - trust / 2)
        elif pace is not None:
            costs = [(pace * size, pace * size) for size in self._megapixels_by_scale]
        else:
            return estimate
        return {**estimate, "scale_costs": costs}


_MIN_AVERAGING_RATE = 1 / 30  # least weight of the newest iteration in the average
_MIN_ITERATIONS = 3  # iterations; fewer say nothing about other jobs


class StepTimer:
    """Timer of the iterations of one scale.

    Args:
        scale: Index of the scale.
        megapixels: Size of the picture at this scale.
        pace: Seconds per megapixel and iteration of the scale before, used until this
            one has a measured iteration.
    """

    def __init__(
        self, scale: int, megapixels: float, pace: float | None = None
    ) -> None:
        self.scale, self._megapixels, self._pace = scale, megapixels, pace
        self._first: float | None = None
        self._total = self._recent = 0.0
        self.count = 0

    def add(self, seconds: float) -> None:
        """Add the seconds of an iteration; the first one also computed the targets."""
        if self._first is None:
            self._first = seconds
            return
        self.count += 1
        self._total += seconds
        rate = max(_MIN_AVERAGING_RATE, 1 / self.count)
        self._recent += rate * (seconds - self._recent)

    @property
    def seconds(self) -> float:
        """Seconds of an iteration: the average of the last few dozen."""
        return self._recent

    @property
    def pace(self) -> float | None:
        """Seconds per megapixel and iteration."""
        return self._recent / self._megapixels if self.count else self._pace

    def measurements(self) -> list[PaceMeasurement]:
        """Return the measurements of this scale; none if it had too few iterations."""
        if self._first is None or self.count < _MIN_ITERATIONS:
            return []
        mean = self._total / self.count
        entry = max(self._first - mean, mean / 100)
        return [
            PaceMeasurement(PaceStep.ITERATION, self._megapixels, mean),
            PaceMeasurement(PaceStep.TARGETS, self._megapixels, entry),
        ]
