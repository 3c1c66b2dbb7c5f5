"""How long an exploration takes: every picture is one step, and none is like another.

Sizes are those of a square with the longest side allowed, as a forecast has to do
without the pictures: what they lack of it is in the measured pace.

How long a job takes: points that were measured, and curves through them.

An iteration costs about in proportion to its pixels, but not quite: small pictures
use a device badly, large ones are computed in tiles. So what one step takes is kept by
size, in octaves of pixels, and read off as a power law between the two nearest sizes.
The same holds for the other steps: making the targets of a scale, loading, saving.
docs/adr/0022-time-is-measured-by-size.md says what else was considered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Of a look that is taken for an iteration of a style job: it goes through the network
# in one direction instead of two, but reads a file and works in float32.
ASSUMED_DEVIATION = 0.6


def look_method(params: Mapping[str, Any]) -> str:
    """Name what decides how long a look takes, besides its size.

    Args:
        params: Of an exploration, as its row holds them.
    """
    return f"explore {params['network']} {max(params['layers'])}"


def look_size(max_edge: int) -> float:
    """Megapixels that a picture is counted as."""
    return max_edge**2 / 1e6


def look_costs(paces: Paces, max_edge: int, pictures: int) -> Costs | None:
    """What an exploration takes; None where nothing was ever measured.

    Where no exploration was, a look is taken for an iteration of a style job: the
    deviation says how little that means.

    Args:
        paces: Of its method.
        max_edge: Longest side of the pictures, px.
        pictures: How many there are, seen or not: the sheets are cut from all.
    """
    step = Step.LOOK if Step.LOOK in paces.curves else Step.ITERATION
    if step not in paces.curves:
        return None
    size = look_size(max_edge)
    deviation = paces.curves[step].deviation(size)
    if step is Step.ITERATION:
        deviation = max(deviation, ASSUMED_DEVIATION)
    elif not paces.is_own:
        deviation = max(deviation, UNKNOWN_DEVIATION)
    return Costs(
        (Cost(paces.seconds(step, size), 0.0),),
        load=paces.seconds(Step.LOAD, size),
        save=paces.seconds(Step.SAVE, size * pictures),
        deviation=deviation,
    )


UNKNOWN_DEVIATION = 0.35  # of what was not measured at this size by any job
_RANGE = 2.0  # mean deviations; nine of ten are nearer
_LEAST_DEVIATION = 0.04  # nothing is ever better known
_SMALLEST_RATE = 0.3  # of the newest sample in the average
_DEFAULT_LAYERS = {"relu5_1": 1.0}  # the deepest one decides


class Step(StrEnum):
    """What takes time in a job."""

    ITERATION = "iteration"  # by the pixels of its scale
    ENTRY = "entry"  # making a scale's targets, beyond an iteration; by its pixels
    LOAD = "load"  # from the claim to the first target; by pixels of the result
    SAVE = "save"  # from the last iteration to the stored result; by the same
    LOOK = "look"  # at one picture of an exploration: shared.forecast.pace_model


# How seconds grow with pixels where only one size is known.
_EXPONENT = {
    Step.ITERATION: 1.0,
    Step.ENTRY: 1.0,
    Step.LOAD: 0.5,
    Step.SAVE: 0.5,
    Step.LOOK: 1.0,
}


@dataclass(frozen=True, slots=True)
class Point:
    """One step at one size.

    Attributes:
        deviation: Mean of |ln(measured / foretold)|.
        samples: How many scales of jobs it is the average of; 0: of none, but of the
            short measurement at a worker's start.
    """

    megapixels: float
    seconds: float
    deviation: float = UNKNOWN_DEVIATION
    samples: int = 0

    def after(self, megapixels: float, seconds: float) -> Point:
        """Average it with one more measurement, of about the same size.

        What a start-up measurement said does not outlive the first real one.
        """
        rate = max(_SMALLEST_RATE, 1 / (self.samples + 1))
        expected = self.seconds * (megapixels / self.megapixels)
        miss = abs(math.log(seconds / expected))
        wide = max(_SMALLEST_RATE, 1 / (self.samples + 2))
        return Point(
            megapixels=_between(self.megapixels, megapixels, rate),
            seconds=_between(self.seconds, seconds, rate),
            deviation=self.deviation + wide * (miss - self.deviation),
            samples=self.samples + 1,
        )


@dataclass(frozen=True, slots=True)
class Span:
    """A time that is not known exactly, in seconds."""

    seconds: float
    low: float
    high: float

    @classmethod
    def around(cls, seconds: float, deviation: float) -> Span:
        """Give the range in which nine of ten come to lie."""
        factor = math.exp(_RANGE * max(deviation, _LEAST_DEVIATION))
        return cls(seconds, seconds / factor, seconds * factor)


@dataclass(frozen=True, slots=True)
class Curve:
    """Seconds of one step by megapixels, through `points` in order of size."""

    step: Step
    points: tuple[Point, ...]

    def seconds(self, megapixels: float) -> float:
        """Read it off: a power law between the nearest two points and beyond."""
        first, second = self._nearest(megapixels)
        if first is second:
            exponent = _EXPONENT[self.step]
        else:
            steps = math.log(second.megapixels / first.megapixels)
            exponent = math.log(second.seconds / first.seconds) / steps
        # Beyond what was measured, no power that a noisy pair may suggest.
        if not first.megapixels <= megapixels <= second.megapixels:
            exponent = min(max(exponent, 0.0), _EXPONENT[self.step])
        near = min((first, second), key=lambda p: _distance(p, megapixels))
        return near.seconds * math.pow(megapixels / near.megapixels, exponent)

    def deviation(self, megapixels: float) -> float:
        """How far off the nearest point has been; more at sizes beyond all of them."""
        near = min(self.points, key=lambda point: _distance(point, megapixels))
        beyond = max(0.0, _distance(near, megapixels) - math.log(2.0))
        return near.deviation + 0.1 * beyond

    def _nearest(self, megapixels: float) -> tuple[Point, Point]:
        above = next(
            (i for i, p in enumerate(self.points) if p.megapixels >= megapixels),
            len(self.points) - 1,
        )
        last = len(self.points) - 1
        return self.points[max(0, above - 1)], self.points[min(last, max(above, 1))]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one scale takes, in seconds."""

    iteration: float
    entry: float


@dataclass(frozen=True, slots=True)
class Costs:
    """What a job takes: its scales, in order, and its ends."""

    scales: tuple[Cost, ...]
    load: float
    save: float
    deviation: float

    def total(self, iterations: Sequence[int]) -> Span:
        """Of so many iterations at each scale, from the claim to the stored result."""
        working = sum(
            cost.iteration * count + cost.entry
            for cost, count in zip(self.scales, iterations, strict=True)
            if count
        )
        return Span.around(self.load + working + self.save, self.deviation)


@dataclass(frozen=True, slots=True)
class Paces:
    """What is known of one method on one kind of worker.

    Attributes:
        curves: Of each step that was measured.
        is_own: Whether they are of this very method, not of one like it.
    """

    curves: Mapping[Step, Curve] = field(default_factory=dict)
    is_own: bool = False

    def costs(self, scales: Sequence[tuple[float, int]]) -> Costs | None:
        """What a job takes; None where no iteration was ever measured.

        Args:
            scales: Megapixels and iterations of each, in order; of a job that goes on,
                iterations that are left.
        """
        if Step.ITERATION not in self.curves or not scales:
            return None
        each = tuple(
            Cost(self.seconds(Step.ITERATION, size), self.seconds(Step.ENTRY, size))
            for size, _ in scales
        )
        largest = scales[-1][0]
        return Costs(
            each,
            self.seconds(Step.LOAD, largest),
            self.seconds(Step.SAVE, largest),
            self._deviation(scales, each),
        )

    def iteration(self, megapixels: float) -> float | None:
        """Seconds of one iteration at this size, as far as known."""
        known = Step.ITERATION in self.curves
        return self.seconds(Step.ITERATION, megapixels) if known else None

    @property
    def samples(self) -> int:
        """How many scales of jobs they rest on."""
        curve = self.curves.get(Step.ITERATION)
        return sum(point.samples for point in curve.points) if curve else 0

    def seconds(self, step: Step, megapixels: float) -> float:
        """Of one step at this size; 0 where it was never measured."""
        curve = self.curves.get(step)
        return curve.seconds(megapixels) if curve else 0.0

    def _deviation(
        self, scales: Sequence[tuple[float, int]], costs: Sequence[Cost]
    ) -> float:
        """The mean of the scales' deviations, by the time they take."""
        curve = self.curves[Step.ITERATION]
        shares = [c.iteration * n for c, (_, n) in zip(costs, scales, strict=True)]
        weighed = sum(
            share * curve.deviation(size)
            for share, (size, _) in zip(shares, scales, strict=True)
        )
        mean = weighed / sum(shares) if sum(shares) else UNKNOWN_DEVIATION
        return mean if self.is_own else max(mean, UNKNOWN_DEVIATION)


def method_of(params: Mapping[str, Any]) -> str:
    """Name what decides how long an iteration takes, besides its size.

    Args:
        params: Of a style job, as its row holds them.
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


def size_class(megapixels: float) -> int:
    """The octave of so many pixels."""
    return round(math.log2(megapixels * 1e6))


def scale_sizes(
    stages: Sequence[tuple[int, int]], width: int, height: int
) -> list[float]:
    """Megapixels of the result at each scale.

    Args:
        stages: (long side in px, iterations) per scale.
        width: Of the photo, or anything of its shape.
        height: Of the same.
    """
    squareness = min(width, height) / max(width, height)
    return [side * max(1, round(side * squareness)) / 1e6 for side, _ in stages]


def _between(old: float, new: float, rate: float) -> float:
    return math.exp((1 - rate) * math.log(old) + rate * math.log(new))


def _distance(point: Point, megapixels: float) -> float:
    return abs(math.log(point.megapixels / megapixels))
