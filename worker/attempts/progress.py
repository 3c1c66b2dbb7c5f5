"""What an attempt tells about itself, and the pace that its time left follows from.

How long the iterations of one scale take, while they are made.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from shared.forecast.pace_model import Step, scale_sizes
from shared.forecast.pace_store import Measured

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.forecast.pace_model import Costs, Paces, Span
    from worker.engine.snapshot import Iterate

    Stages = Sequence[tuple[int, int]]

_MEGA = 1_000_000
ITERATIONS_TO_TRUST = 4  # after so many, an attempt's own pace counts half


class Meter:
    """Measures an attempt, and foretells the rest of it.

    What is expected of the scales comes from jobs before; how much faster or slower
    this attempt is, it measures, and scales what is left by it. A few iterations say
    little about that, many say all.

    Args:
        clock: Seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = self._last = clock()
        self._expected: Costs | None = None
        self._sizes: Sequence[float] = ()  # megapixels of each scale
        self._factor = 1.0  # of what is expected, by the scales before this one
        self._tempo = Tempo(-1, 0.0)  # of the scale at hand
        self._load_seconds = 0.0
        self._closed: list[Measured] = []
        self.foretold: Span | None = None

    def expect(self, paces: Paces, stages: Stages, size: tuple[int, int]) -> None:
        """Learn what jobs like this one took; the pictures are loaded by now.

        Args:
            paces: Of this method on this worker.
            stages: (long side in px, iterations) per scale; of an attempt that goes on,
                iterations that are left.
            size: Width and height of the photo.
        """
        self._last = self._clock()
        self._load_seconds = self._last - self._began
        self._sizes = scale_sizes(stages, *size)
        counts = [count for _, count in stages]
        self._expected = paces.costs(list(zip(self._sizes, counts, strict=True)))
        if self._expected is not None:
            self.foretold = self._expected.total(counts)

    def preparing(self, iteration: int, scale: int, done: int) -> dict[str, Any]:
        """Describe an attempt before its first iteration, as `jobs.progress` stores it.

        Args:
            iteration: Where it goes on from, over all scales.
            scale: Index of the scale it goes on at.
            done: Iterations done at that scale.
        """
        place = {"scale": scale, "scale_iteration": done, "iteration": iteration}
        return {"phase": "loading", **place, **self._foresight()}

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
            "seconds_per_mpx_iteration": self._tempo.pace,
            **self._foresight(),
        }

    def saved(self) -> list[Measured]:
        """All that was timed, to be learned from; the result has just been stored."""
        largest, seconds = self._sizes[-1], self._clock() - self._last
        return [
            Measured(Step.LOAD, largest, self._load_seconds),
            *self._closed,
            *self._tempo.measured(),
            Measured(Step.SAVE, largest, seconds),
        ]

    @property
    def elapsed_seconds(self) -> float:
        """Since the claim."""
        return self._clock() - self._began

    def _measure(self, scale: int, megapixels: float) -> None:
        now = self._clock()
        if scale != self._tempo.scale:
            self._factor = self._correction()
            self._closed += self._tempo.measured()
            pace = self._tempo.pace
            self._tempo = Tempo(scale, megapixels, pace)
        self._tempo.add(now - self._last)
        self._last = now

    def _correction(self) -> float:
        """What this attempt takes over what is expected of it."""
        expected, tempo = self._expected, self._tempo
        if expected is None or not tempo.count:
            return self._factor
        miss = tempo.seconds / (expected.scales[tempo.scale].iteration * self._factor)
        trust = tempo.count / (tempo.count + ITERATIONS_TO_TRUST)
        return self._factor * float(miss**trust)

    def _foresight(self) -> dict[str, Any]:
        """What is expected of the rest by now."""
        told = {"elapsed_seconds": self._last - self._began, "updated_at": time.time()}
        expected, pace = self._expected, self._tempo.pace
        if expected is not None:
            factor = self._correction()
            costs = [(c.iteration * factor, c.entry * factor) for c in expected.scales]
            told["save_seconds"] = expected.save
            trust = self._tempo.count / (self._tempo.count + ITERATIONS_TO_TRUST)
            told["deviation"] = expected.deviation * (1 - trust / 2)
        elif pace is not None:
            costs = [(pace * size, pace * size) for size in self._sizes]
        else:
            return told
        return {**told, "scale_costs": costs}


_SMALLEST_RATE = 1 / 30  # of the newest iteration in the average
_LEAST_ITERATIONS = 3  # that say something about others


class Tempo:
    """Times the iterations of one scale.

    Args:
        scale: Its index.
        megapixels: Of its picture.
        pace: Seconds per megapixel and iteration of the scale before, which stands in
            until this one has a measured iteration.
    """

    def __init__(
        self, scale: int, megapixels: float, pace: float | None = None
    ) -> None:
        self.scale, self._megapixels, self._pace = scale, megapixels, pace
        self._first: float | None = None
        self._total = self._recent = 0.0
        self.count = 0

    def add(self, seconds: float) -> None:
        """Take the time of one more iteration; the first one also made the targets."""
        if self._first is None:
            self._first = seconds
            return
        self.count += 1
        self._total += seconds
        rate = max(_SMALLEST_RATE, 1 / self.count)
        self._recent += rate * (seconds - self._recent)

    @property
    def seconds(self) -> float:
        """Of an iteration: the average of the last few dozen."""
        return self._recent

    @property
    def pace(self) -> float | None:
        """Seconds per megapixel and iteration."""
        return self._recent / self._megapixels if self.count else self._pace

    def measured(self) -> list[Measured]:
        """What it says of iterations like these, if there were enough of them."""
        if self._first is None or self.count < _LEAST_ITERATIONS:
            return []
        mean = self._total / self.count
        entry = max(self._first - mean, mean / 100)
        return [
            Measured(Step.ITERATION, self._megapixels, mean),
            Measured(Step.ENTRY, self._megapixels, entry),
        ]
