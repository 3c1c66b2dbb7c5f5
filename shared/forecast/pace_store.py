"""Rows of measured paces and of forecasts: the only code that writes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from shared.db.models.timing import Forecast, PacePoint
from shared.forecast.pace_model import (
    CurvePoint,
    PaceCurve,
    PaceModel,
    PaceStep,
    size_class,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy.orm import Session

    from shared.db.database import Database
    from shared.forecast.pace_model import DurationRange

MAX_FORECASTS = 500  # newest forecasts that are stored, of all workers
ACCURACY_SAMPLE = 100  # newest forecasts that the accuracy is computed from

# By setup and method.
PointsByMethod = dict[tuple[str, str], dict[PaceStep, list[CurvePoint]]]
_RowKey = tuple[str, str, str, int]  # setup, method, step, size class

# Standard SQL has no ON CONFLICT: each dialect of SQLAlchemy has an INSERT of its own.
_INSERTS: Mapping[str, Callable[..., postgresql.Insert | sqlite.Insert]] = {
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
}


@dataclass(frozen=True, slots=True)
class PaceMeasurement:
    """Measured seconds of one step at one size."""

    step: PaceStep
    megapixels: float
    seconds: float


@dataclass(frozen=True, slots=True)
class ForecastOutcome:
    """Forecast made when a finished job was claimed, and the time that it took."""

    job_id: str
    forecast: DurationRange
    actual_seconds: float


@dataclass(frozen=True, slots=True)
class ForecastAccuracy:
    """Accuracy of the newest forecasts.

    Attributes:
        errors: |forecast - actual| / actual of each.
        share_within_range: Share of the jobs whose time lay in the forecast range.
        forecast_count: Number of forecasts ever made.
    """

    errors: tuple[float, ...]
    share_within_range: float
    forecast_count: int


class PaceTable:
    """Measured paces of all kinds of workers and methods, as read once."""

    def __init__(self, points: PointsByMethod) -> None:
        self._points = points

    def pace_model(
        self, setup: str, method: str, step: PaceStep = PaceStep.ITERATION
    ) -> PaceModel:
        """Return the model of a method on a kind of worker, or of the most similar one.

        Args:
            setup: Kind of worker.
            method: Method of the job.
            step: Step that must have been measured for a method to count as known.
        """
        own = self._points.get((setup, method), {})
        similar = self._most_similar(setup, method, step)
        if own.get(step):
            return PaceModel(_make_curves(similar | own), is_same_method=True)
        return PaceModel(_make_curves(similar))

    def explore_pace_model(self, setup: str, method: str) -> PaceModel:
        """Return the model of explorations, or else of the most similar style jobs."""
        model = self.pace_model(setup, method, PaceStep.PICTURE)
        return model if model.curves else self.pace_model(setup, method)

    def _most_similar(
        self, setup: str, method: str, step: PaceStep
    ) -> dict[PaceStep, list[CurvePoint]]:
        """Return the points of the method that shares most words, on the same setup."""
        words = set(method.split())
        candidates = [
            (len(words & set(other_method.split())), other_method, points)
            for (other_setup, other_method), points in self._points.items()
            if other_setup == setup and points.get(step)
        ]
        return max(candidates, key=lambda item: item[:2])[2] if candidates else {}


def load_pace_table(db: Database) -> PaceTable:
    """Read all measured paces: a few rows per kind of worker, method and size."""
    with db.read() as session:
        return PaceTable(_points_by_method(session.scalars(select(PacePoint)).all()))


def record_paces(
    db: Database,
    setup: str,
    method: str,
    measurements: Sequence[PaceMeasurement],
    outcome: ForecastOutcome | None = None,
) -> None:
    """Average new measurements in, and store the forecast beside the actual time.

    Args:
        db: Database.
        setup: Kind of worker.
        method: Method of the job.
        measurements: Measured steps; those of 0 s are ignored, clocks may be coarse.
        outcome: Forecast and actual time of the job, if it had a forecast.
    """
    timed = (each for each in measurements if each.seconds > 0)
    with db.write() as session:
        for measurement in _sort_by_key(timed):
            _average_in(db, session, (setup, method), measurement)
        if outcome is not None:
            _store_outcome(db, session, setup, outcome)


def seed_paces(
    db: Database, setup: str, method: str, measurements: Sequence[PaceMeasurement]
) -> None:
    """Store the paces of a benchmark where no job has been measured yet."""
    with db.write() as session:
        for measurement in _sort_by_key(measurements):
            point = CurvePoint(measurement.megapixels, measurement.seconds)
            key = _row_key((setup, method), measurement)
            _insert_point(db, session, key, point)


def is_pace_measured(
    db: Database, setup: str, method: str, max_age_seconds: float
) -> bool:
    """Return whether a pace of this setup and method was measured recently."""
    same = (PacePoint.setup == setup, PacePoint.method == method)
    recent = PacePoint.measured_at > db.now - max_age_seconds
    with db.read() as session:
        step = session.scalar(select(PacePoint.step).where(*same, recent).limit(1))
    return step is not None


def forecast_accuracy(db: Database) -> ForecastAccuracy:
    """Return the accuracy of the newest forecasts."""
    newest = select(Forecast).order_by(Forecast.seq.desc()).limit(ACCURACY_SAMPLE)
    with db.read() as session:
        rows = session.scalars(newest).all()
        count = session.scalar(select(func.max(Forecast.seq))) or 0
    errors = (abs(r.forecast_seconds / r.actual_seconds - 1) for r in rows)
    within = sum(r.low_seconds <= r.actual_seconds <= r.high_seconds for r in rows)
    return ForecastAccuracy(tuple(errors), within / len(rows) if rows else 0.0, count)


def _points_by_method(rows: Iterable[PacePoint]) -> PointsByMethod:
    points: PointsByMethod = {}
    for row in rows:
        steps = points.setdefault((row.setup, row.method), {})
        point = CurvePoint(row.megapixels, row.seconds, row.deviation, row.samples)
        steps.setdefault(PaceStep(row.step), []).append(point)
    return points


def _make_curves(
    points: Mapping[PaceStep, Sequence[CurvePoint]],
) -> dict[PaceStep, PaceCurve]:
    return {
        step: PaceCurve(
            step, tuple(sorted(of_step, key=lambda point: point.megapixels))
        )
        for step, of_step in points.items()
    }


def _sort_by_key(measurements: Iterable[PaceMeasurement]) -> list[PaceMeasurement]:
    """Sort measurements by row key, so that two workers lock rows in one order."""
    return sorted(measurements, key=lambda each: (each.step, each.megapixels))


def _row_key(
    setup_and_method: tuple[str, str], measurement: PaceMeasurement
) -> _RowKey:
    octave = size_class(measurement.megapixels)
    return (*setup_and_method, measurement.step.value, octave)


def _average_in(
    db: Database,
    session: Session,
    setup_and_method: tuple[str, str],
    measurement: PaceMeasurement,
) -> None:
    key = _row_key(setup_and_method, measurement)
    first = CurvePoint(measurement.megapixels, measurement.seconds, samples=1)
    if _insert_point(db, session, key, first):
        return
    row = session.get_one(PacePoint, key, with_for_update=True)
    old = CurvePoint(row.megapixels, row.seconds, row.deviation, row.samples)
    new = old.averaged_with(measurement.megapixels, measurement.seconds)
    row.megapixels, row.seconds = new.megapixels, new.seconds
    row.deviation, row.samples = new.deviation, new.samples
    row.measured_at = _now(db, session)


def _insert_point(
    db: Database, session: Session, key: _RowKey, point: CurvePoint
) -> bool:
    """Insert a row unless it exists; return whether it was inserted."""
    setup, method, step, octave = key
    insert = _INSERTS[session.get_bind().dialect.name](PacePoint)
    statement = insert.values(
        setup=setup,
        method=method,
        step=step,
        size_class=octave,
        megapixels=point.megapixels,
        seconds=point.seconds,
        deviation=point.deviation,
        samples=point.samples,
        measured_at=db.now,
    )
    inserted = statement.on_conflict_do_nothing().returning(PacePoint.step)
    return session.scalar(inserted) is not None


def _now(db: Database, session: Session) -> float:
    return float(session.scalars(select(db.now)).one())


def _store_outcome(
    db: Database, session: Session, setup: str, outcome: ForecastOutcome
) -> None:
    forecast = outcome.forecast
    row = Forecast(
        job_id=outcome.job_id,
        setup=setup,
        forecast_seconds=forecast.seconds,
        low_seconds=forecast.low,
        high_seconds=forecast.high,
        actual_seconds=outcome.actual_seconds,
        at=db.now,
    )
    session.add(row)
    session.flush()
    session.execute(delete(Forecast).where(Forecast.seq <= row.seq - MAX_FORECASTS))
