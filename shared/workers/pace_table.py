"""Measured paces: moving averages of seconds per megapixel-iteration.

There is one average per kind of worker, method and octave of pixels, since small
pictures take more time per pixel. All seconds of an attempt are counted, including
loading, targets and saving, each at its scale. So the paces of a job's scales add up to
its duration. See docs/adr/0022.

A picture of an exploration counts as one iteration at a square of `max_edge`, since a
waiting job is estimated without its pictures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite

from shared.db.models.workers import Pace
from shared.params.kinds import JobKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy.orm import Session

    from shared.db.database import Database

AVERAGING_RATE = 0.25  # weight of the newest measurement in both moving averages
FIRST_DEVIATION = 0.5  # of a pace measured once, or at another size
_RANGE_DEVIATIONS = 2.0  # mean deviations, for nine of ten normal errors
_DEFAULT_LAYERS = {"relu4_2": 1.0}  # only the deepest layer is used

# Standard SQL has no ON CONFLICT, so each dialect of SQLAlchemy has its own INSERT.
_INSERTS: Mapping[str, Callable[..., postgresql.Insert | sqlite.Insert]] = {
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
}


@dataclass(frozen=True, slots=True)
class DurationRange:
    """Estimated duration with its range, in seconds."""

    seconds: float
    low: float
    high: float

    @classmethod
    def from_deviation(cls, seconds: float, deviation: float) -> DurationRange:
        """Return the range of about nine of ten durations.

        Args:
            seconds: Expected duration.
            deviation: Mean of |measured / expected - 1|.
        """
        factor = 1 + _RANGE_DEVIATIONS * deviation
        return cls(seconds, seconds / factor, seconds * factor)

    def __add__(self, other: DurationRange) -> DurationRange:
        """Return the duration of two runs in sequence."""
        return DurationRange(
            self.seconds + other.seconds, self.low + other.low, self.high + other.high
        )


@dataclass(frozen=True, slots=True)
class IterationTime:
    """Expected seconds of an iteration, and the mean deviation from it (relative)."""

    seconds: float
    deviation: float = FIRST_DEVIATION

    def scaled(self, factor: float) -> IterationTime:
        """Return the time on a machine that is slower by `factor`."""
        return IterationTime(self.seconds * factor, self.deviation)


class PaceTable:
    """Table of all measured paces at one time.

    Args:
        paces: (seconds per megapixel-iteration, mean deviation) by setup and method,
            then by size class.
    """

    def __init__(
        self, paces: Mapping[tuple[str, str], Mapping[int, tuple[float, float]]]
    ) -> None:
        self.paces = paces

    def iteration_time(
        self, setup: str, method: str, megapixels: float
    ) -> IterationTime | None:
        """Return the time of an iteration; None if the method was never measured there.

        The pace of the nearest measured size is used. If this is another size class,
        the deviation is at least `FIRST_DEVIATION`.

        Args:
            setup: Kind of worker.
            method: Method of the job.
            megapixels: Size of the picture at this scale.
        """
        by_size = self.paces.get((setup, method))
        if not by_size:
            return None
        octave = size_class(megapixels)
        nearest = min(by_size, key=lambda size: (abs(size - octave), size))
        pace, deviation = by_size[nearest]
        if nearest != octave:
            deviation = max(deviation, FIRST_DEVIATION)
        return IterationTime(pace * megapixels, deviation)


@dataclass(frozen=True, slots=True)
class PaceMeasurement:
    """Measured pace of an attempt at one scale."""

    megapixels: float
    seconds_per_mpx_iteration: float


def duration(times: Sequence[IterationTime], counts: Sequence[int]) -> DurationRange:
    """Return the duration of some iterations at each scale.

    Args:
        times: Time of an iteration, per scale.
        counts: Number of iterations, per scale.
    """
    none = DurationRange(0.0, 0.0, 0.0)
    return sum(
        (
            DurationRange.from_deviation(time.seconds * count, time.deviation)
            for time, count in zip(times, counts, strict=True)
        ),
        none,
    )


def load_pace_table(db: Database) -> PaceTable:
    """Read all measured paces: a few rows per kind of worker and method."""
    paces: dict[tuple[str, str], dict[int, tuple[float, float]]] = {}
    with db.read() as session:
        for row in session.scalars(select(Pace)):
            sizes = paces.setdefault((row.setup, row.method), {})
            sizes[row.size_class] = (row.seconds_per_mpx_iteration, row.deviation)
    return PaceTable(paces)


def record_paces(
    db: Database, setup: str, method: str, measurements: Iterable[PaceMeasurement]
) -> None:
    """Add measurements to the averages; 0 s, from coarse clocks, is ignored."""
    timed = (item for item in measurements if item.seconds_per_mpx_iteration > 0)
    with db.write() as session:
        # Sorted by size, so that two workers lock the rows in the same order.
        for measurement in sorted(timed, key=lambda item: item.megapixels):
            _average_in(session, setup, method, measurement)


def _average_in(
    session: Session, setup: str, method: str, measurement: PaceMeasurement
) -> None:
    statement = _INSERTS[session.get_bind().dialect.name](Pace).values(
        setup=setup,
        method=method,
        size_class=size_class(measurement.megapixels),
        seconds_per_mpx_iteration=measurement.seconds_per_mpx_iteration,
        deviation=FIRST_DEVIATION,
    )
    mean, new = Pace.seconds_per_mpx_iteration, measurement.seconds_per_mpx_iteration
    error = func.abs(new / mean - 1)
    averages = {
        "seconds_per_mpx_iteration": mean + AVERAGING_RATE * (new - mean),
        "deviation": Pace.deviation + AVERAGING_RATE * (error - Pace.deviation),
    }
    keys = (Pace.setup, Pace.method, Pace.size_class)
    session.execute(statement.on_conflict_do_update(index_elements=keys, set_=averages))


def method_of(kind: JobKind, params: Mapping[str, Any]) -> str:
    """Return the method of a job, on which its pace depends besides worker and size.

    Args:
        kind: Kind of the job.
        params: Parameters as stored in its row.
    """
    if kind == JobKind.EXPLORE:
        return f"explore {params['network']} {max(params['layers'])}"
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
    """Return the octave of a number of pixels."""
    return round(math.log2(megapixels * 1e6))


def scale_megapixels(
    stages: Sequence[tuple[int, int]], width: int, height: int
) -> list[float]:
    """Return the megapixels of the result at each scale.

    Args:
        stages: (long side in px, iterations) per scale.
        width: Width of the photo, or of a picture of its shape.
        height: Height of the same picture.
    """
    aspect = min(width, height) / max(width, height)
    return [side * max(1, round(side * aspect)) / 1e6 for side, _ in stages]
