"""How long the iterations of one scale take, while they are made."""

from __future__ import annotations

from shared.jobs import Measured
from shared.pacing import Step

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
