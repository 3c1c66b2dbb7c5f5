"""Model of how long jobs take: measured points, and curves through them.

An iteration costs about in proportion to its pixels, but not quite: small pictures
use a device badly, large ones are computed in tiles. So the seconds of one step are
stored by size, in octaves of pixels, and interpolated by a power law between the two
nearest sizes. The same holds for the other steps: making the targets of a scale,
loading, saving. Alternatives: docs/adr/0022-time-is-measured-by-size.md.

An exploration has one step per picture. Its sizes are those of a square with the
longest side allowed, since a forecast is made without the pictures: the measured pace
makes up for the difference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Of a picture of an exploration that is assumed to take as long as an iteration of a
# style job: it goes through the network in one direction instead of two, but reads a
# file and works in float32.
ASSUMED_DEVIATION = 0.6
UNMEASURED_DEVIATION = 0.35  # of a step that no job has measured at this size
_RANGE_DEVIATIONS = 2.0  # mean deviations; nine of ten jobs are nearer
_MIN_DEVIATION = 0.04  # no estimate is more certain than that
_MIN_AVERAGING_RATE = 0.3  # least weight of the newest sample in an average
_DEFAULT_LAYERS = {"relu4_2": 1.0}  # only the deepest of all layers matters


class PaceStep(StrEnum):
    """Step of a job whose seconds are measured."""

    ITERATION = "iteration"  # by the pixels of its scale
    TARGETS = "entry"  # making a scale's targets, beyond an iteration; by its pixels
    LOAD = "load"  # from the claim to the first target; by pixels of the result
    SAVE = "save"  # from the last iteration to the stored result; by the same
    PICTURE = "look"  # one picture of an exploration; by `explore_megapixels`


# Exponents of the growth of seconds with pixels where only one size was measured.
_DEFAULT_EXPONENTS = {
    PaceStep.ITERATION: 1.0,
    PaceStep.TARGETS: 1.0,
    PaceStep.LOAD: 0.5,
    PaceStep.SAVE: 0.5,
    PaceStep.PICTURE: 1.0,
}


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Measured seconds of one step at one size.

    Attributes:
        deviation: Mean of |ln(measured / forecast)|.
        samples: Number of scales of jobs that it averages; 0: only the short benchmark
            at the start of a worker.
    """

    megapixels: float
    seconds: float
    deviation: float = UNMEASURED_DEVIATION
    samples: int = 0

    def averaged_with(self, megapixels: float, seconds: float) -> CurvePoint:
        """Return the average with one more measurement, of about the same size.

        The first measurement of a job replaces that of the benchmark.
        """
        weight = max(_MIN_AVERAGING_RATE, 1 / (self.samples + 1))
        expected = self.seconds * (megapixels / self.megapixels)
        error = abs(math.log(seconds / expected))
        deviation_weight = max(_MIN_AVERAGING_RATE, 1 / (self.samples + 2))
        return CurvePoint(
            megapixels=_geometric_mean(self.megapixels, megapixels, weight),
            seconds=_geometric_mean(self.seconds, seconds, weight),
            deviation=self.deviation + deviation_weight * (error - self.deviation),
            samples=self.samples + 1,
        )


@dataclass(frozen=True, slots=True)
class DurationRange:
    """Estimated duration with its range, in seconds."""

    seconds: float
    low: float
    high: float

    @classmethod
    def from_deviation(cls, seconds: float, deviation: float) -> DurationRange:
        """Return the range that nine of ten durations lie in."""
        factor = math.exp(_RANGE_DEVIATIONS * max(deviation, _MIN_DEVIATION))
        return cls(seconds, seconds / factor, seconds * factor)


@dataclass(frozen=True, slots=True)
class PaceCurve:
    """Seconds of one step by megapixels, through `points` in order of size."""

    step: PaceStep
    points: tuple[CurvePoint, ...]

    def seconds(self, megapixels: float) -> float:
        """Interpolate or extrapolate by a power law through the nearest two points."""
        first, second = self._nearest_points(megapixels)
        if first is second:
            exponent = _DEFAULT_EXPONENTS[self.step]
        else:
            growth = math.log(second.megapixels / first.megapixels)
            exponent = math.log(second.seconds / first.seconds) / growth
        # Outside the measured sizes, limit the exponent that a noisy pair suggests.
        if not first.megapixels <= megapixels <= second.megapixels:
            exponent = min(max(exponent, 0.0), _DEFAULT_EXPONENTS[self.step])
        nearest = min((first, second), key=lambda p: _log_distance(p, megapixels))
        return nearest.seconds * math.pow(megapixels / nearest.megapixels, exponent)

    def deviation(self, megapixels: float) -> float:
        """Return the deviation of the nearest point; more beyond all of them."""
        nearest = min(self.points, key=lambda point: _log_distance(point, megapixels))
        beyond = max(0.0, _log_distance(nearest, megapixels) - math.log(2.0))
        return nearest.deviation + 0.1 * beyond

    def _nearest_points(self, megapixels: float) -> tuple[CurvePoint, CurvePoint]:
        above = next(
            (i for i, p in enumerate(self.points) if p.megapixels >= megapixels),
            len(self.points) - 1,
        )
        last = len(self.points) - 1
        return self.points[max(0, above - 1)], self.points[min(last, max(above, 1))]


@dataclass(frozen=True, slots=True)
class ScaleCost:
    """Cost of one scale: seconds of an iteration, and of making the targets."""

    iteration_seconds: float
    targets_seconds: float


@dataclass(frozen=True, slots=True)
class JobCost:
    """Cost of a job: its scales, in order, loading and saving."""

    scales: tuple[ScaleCost, ...]
    load_seconds: float
    save_seconds: float
    deviation: float

    def duration(self, iterations: Sequence[int]) -> DurationRange:
        """Return the time from the claim to the stored result.

        Args:
            iterations: Number of iterations at each scale.
        """
        iterating = sum(
            cost.iteration_seconds * count + cost.targets_seconds
            for cost, count in zip(self.scales, iterations, strict=True)
            if count
        )
        return DurationRange.from_deviation(
            self.load_seconds + iterating + self.save_seconds, self.deviation
        )


@dataclass(frozen=True, slots=True)
class PaceModel:
    """Measured paces of one method on one kind of worker.

    Attributes:
        curves: Curve of each measured step.
        is_same_method: Whether the curves are of this very method, not of a similar
            one.
    """

    curves: Mapping[PaceStep, PaceCurve] = field(default_factory=dict)
    is_same_method: bool = False

    def job_cost(self, scales: Sequence[tuple[float, int]]) -> JobCost | None:
        """Estimate the cost of a job; None if no iteration was ever measured.

        Args:
            scales: Megapixels and iterations of each scale, in order; of a job that
                continues, the iterations that are left.
        """
        if PaceStep.ITERATION not in self.curves or not scales:
            return None
        costs = tuple(
            ScaleCost(
                self.step_seconds(PaceStep.ITERATION, size),
                self.step_seconds(PaceStep.TARGETS, size),
            )
            for size, _ in scales
        )
        largest = scales[-1][0]
        return JobCost(
            costs,
            self.step_seconds(PaceStep.LOAD, largest),
            self.step_seconds(PaceStep.SAVE, largest),
            self._deviation(scales, costs),
        )

    def iteration_seconds(self, megapixels: float) -> float | None:
        """Return the seconds of one iteration at this size; None if never measured."""
        if PaceStep.ITERATION not in self.curves:
            return None
        return self.step_seconds(PaceStep.ITERATION, megapixels)

    @property
    def sample_count(self) -> int:
        """Number of scales of jobs that the iteration curve averages."""
        curve = self.curves.get(PaceStep.ITERATION)
        return sum(point.samples for point in curve.points) if curve else 0

    def step_seconds(self, step: PaceStep, megapixels: float) -> float:
        """Return the seconds of one step at this size; 0 if never measured."""
        curve = self.curves.get(step)
        return curve.seconds(megapixels) if curve else 0.0

    def _deviation(
        self, scales: Sequence[tuple[float, int]], costs: Sequence[ScaleCost]
    ) -> float:
        """Return the mean deviation of the scales, weighted by the time they take."""
        curve = self.curves[PaceStep.ITERATION]
        seconds = [
            c.iteration_seconds * n for c, (_, n) in zip(costs, scales, strict=True)
        ]
        weighted = sum(
            share * curve.deviation(size)
            for share, (size, _) in zip(seconds, scales, strict=True)
        )
        mean = weighted / sum(seconds) if sum(seconds) else UNMEASURED_DEVIATION
        return mean if self.is_same_method else max(mean, UNMEASURED_DEVIATION)


def style_method(params: Mapping[str, Any]) -> str:
    """Return the method of a style job: what its pace depends on besides the size.

    Args:
        params: Parameters of a style job, as stored in its row.
    """
    layers = {
        **(params.get("content_layers") or {}),
        **(params.get("style_layers") or _DEFAULT_LAYERS),
    }
    tile = params.get("tile_px")
    words = (
        params.get("network") or "vgg16",
        params.get("optimizer") or "lbfgs",
        params.get("style_loss") or "gram",
        max(layers),  # no deeper layer is computed
        f"tile {tile}" if tile else "",
    )
    return " ".join(filter(None, words))


def explore_method(params: Mapping[str, Any]) -> str:
    """Return the method of an exploration: what its pace depends on besides the size.

    Args:
        params: Parameters of an exploration, as stored in its row.
    """
    return f"explore {params['network']} {max(params['layers'])}"


def explore_megapixels(max_edge: int) -> float:
    """Return the megapixels that a picture of an exploration counts as."""
    return max_edge**2 / 1e6


def explore_cost(model: PaceModel, max_edge: int, picture_count: int) -> JobCost | None:
    """Estimate the cost of an exploration; None if nothing was ever measured.

    If no exploration was measured, a picture is assumed to take as long as an iteration
    of a style job: the deviation says how uncertain that is.

    Args:
        model: Pace model of the method.
        max_edge: Longest side of the pictures, px.
        picture_count: Number of all pictures, done or not: the sheets are cut from all.
    """
    step = PaceStep.PICTURE if PaceStep.PICTURE in model.curves else PaceStep.ITERATION
    if step not in model.curves:
        return None
    size = explore_megapixels(max_edge)
    deviation = model.curves[step].deviation(size)
    if step is PaceStep.ITERATION:
        deviation = max(deviation, ASSUMED_DEVIATION)
    elif not model.is_same_method:
        deviation = max(deviation, UNMEASURED_DEVIATION)
    return JobCost(
        (ScaleCost(model.step_seconds(step, size), 0.0),),
        load_seconds=model.step_seconds(PaceStep.LOAD, size),
        save_seconds=model.step_seconds(PaceStep.SAVE, size * picture_count),
        deviation=deviation,
    )


def size_class(megapixels: float) -> int:
    """Return the octave of a number of pixels."""
    return round(math.log2(megapixels * 1e6))


def scale_megapixels(
    stages: Sequence[tuple[int, int]], width: int, height: int
) -> list[float]:
    """Return the megapixels of the result at each scale.

    Args:
        stages: (long side in px, iterations) per scale.
        width: Width of the photo, or of anything of its shape.
        height: Height of the same.
    """
    aspect = min(width, height) / max(width, height)
    return [side * max(1, round(side * aspect)) / 1e6 for side, _ in stages]


def _geometric_mean(old: float, new: float, weight: float) -> float:
    return math.exp((1 - weight) * math.log(old) + weight * math.log(new))


def _log_distance(point: CurvePoint, megapixels: float) -> float:
    return abs(math.log(point.megapixels / megapixels))
