"""The only code that changes what was measured of paces, and of foretold times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from shared.db.models.timing import Forecast, PacePoint
from shared.forecast.pace_model import Curve, Paces, Point, Step, size_class

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy.orm import Session

    from shared.db.database import Database
    from shared.forecast.pace_model import Span

FORETOLD_KEPT = 500  # jobs whose foretold times are remembered, of all workers
NEWEST = 100  # of them say how good foretold times are now

Known = dict[tuple[str, str], dict[Step, list[Point]]]  # by setup and method
_Key = tuple[str, str, str, int]  # of a row: setup, method, step, size class

# The standard has no "unless it is there", and so each dialect its own word.
_INSERTS: Mapping[str, Callable[..., postgresql.Insert | sqlite.Insert]] = {
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One step, timed."""

    step: Step
    megapixels: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished job: what it was foretold when it was claimed, and what it took."""

    job_id: str
    foretold: Span
    actual_seconds: float


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How good foretold times are, by the newest jobs.

    Attributes:
        errors: |foretold - actual| / actual of each.
        within: Share of them that came within their range.
        jobs: How many there are in all.
    """

    errors: tuple[float, ...]
    within: float
    jobs: int


class Timetable:
    """All that is known of paces, as it was read once."""

    def __init__(self, known: Known) -> None:
        self._known = known

    def paces(self, setup: str, method: str, step: Step = Step.ITERATION) -> Paces:
        """What is known of a method on a kind of worker, or of the nearest like it.

        Args:
            setup: The kind of worker.
            method: Of the job.
            step: Without which nothing is known.
        """
        own = self._known.get((setup, method), {})
        near = self._nearest(setup, method, step)
        if own.get(step):
            return Paces(_curves(near | own), is_own=True)
        return Paces(_curves(near))

    def look_paces(self, setup: str, method: str) -> Paces:
        """What is known of explorations, or else of the style jobs like them."""
        looks = self.paces(setup, method, Step.LOOK)
        return looks if looks.curves else self.paces(setup, method)

    def _nearest(self, setup: str, method: str, step: Step) -> dict[Step, list[Point]]:
        """Of the same kind of worker, the method of which most is the same."""
        words = set(method.split())
        others = [
            (len(words & set(other.split())), other, points)
            for (whose, other), points in self._known.items()
            if whose == setup and points.get(step)
        ]
        return max(others, key=lambda one: one[:2])[2] if others else {}


def timetable(db: Database) -> Timetable:
    """Read all that is known: a few rows per kind of worker, method and size."""
    with db.read() as session:
        return Timetable(_known(session.scalars(select(PacePoint)).all()))


def record_pace(
    db: Database,
    setup: str,
    method: str,
    measured: Sequence[Measured],
    outcome: Outcome | None = None,
) -> None:
    """Average new measurements in, and remember how good the foretold time was."""
    timed = (one for one in measured if one.seconds > 0)  # clocks may be coarse
    with db.write() as session:
        for one in _in_order(timed):
            _average(db, session, (setup, method), one)
        if outcome is not None:
            _remember(db, session, setup, outcome)


def seed_paces(
    db: Database, setup: str, method: str, measured: Sequence[Measured]
) -> None:
    """Enter what a short measurement said, where no job has said anything yet."""
    with db.write() as session:
        for one in _in_order(measured):
            point = Point(one.megapixels, one.seconds)
            _enter(db, session, _key((setup, method), one), point)


def is_pace_known(db: Database, setup: str, method: str, fresh_seconds: float) -> bool:
    """Whether anything was measured of this lately."""
    mine = (PacePoint.setup == setup, PacePoint.method == method)
    lately = PacePoint.measured_at > db.now - fresh_seconds
    with db.read() as session:
        return (
            session.scalar(select(PacePoint.step).where(*mine, lately).limit(1))
            is not None
        )


def forecast_accuracy(db: Database) -> Accuracy:
    """How good foretold times are, by the newest jobs."""
    newest = select(Forecast).order_by(Forecast.seq.desc()).limit(NEWEST)
    with db.read() as session:
        rows = session.scalars(newest).all()
        last = session.scalar(select(func.max(Forecast.seq))) or 0
    errors = (abs(r.forecast_seconds / r.actual_seconds - 1) for r in rows)
    inside = sum(r.low_seconds <= r.actual_seconds <= r.high_seconds for r in rows)
    return Accuracy(tuple(errors), inside / len(rows) if rows else 0.0, last)


def _known(rows: Iterable[PacePoint]) -> Known:
    known: Known = {}
    for row in rows:
        steps = known.setdefault((row.setup, row.method), {})
        point = Point(row.megapixels, row.seconds, row.deviation, row.samples)
        steps.setdefault(Step(row.step), []).append(point)
    return known


def _curves(points: Mapping[Step, Sequence[Point]]) -> dict[Step, Curve]:
    return {
        step: Curve(step, tuple(sorted(some, key=lambda point: point.megapixels)))
        for step, some in points.items()
    }


def _in_order(measured: Iterable[Measured]) -> list[Measured]:
    """Sort them, so that two workers never wait for each other's rows."""
    return sorted(measured, key=lambda one: (one.step, one.megapixels))


def _key(whose: tuple[str, str], one: Measured) -> _Key:
    return (*whose, one.step.value, size_class(one.megapixels))


def _average(
    db: Database, session: Session, whose: tuple[str, str], one: Measured
) -> None:
    key = _key(whose, one)
    if _enter(db, session, key, Point(one.megapixels, one.seconds, samples=1)):
        return
    row = session.get_one(PacePoint, key, with_for_update=True)
    old = Point(row.megapixels, row.seconds, row.deviation, row.samples)
    new = old.after(one.megapixels, one.seconds)
    row.megapixels, row.seconds = new.megapixels, new.seconds
    row.deviation, row.samples = new.deviation, new.samples
    row.measured_at = _now(db, session)


def _enter(db: Database, session: Session, key: _Key, point: Point) -> bool:
    """Make a row, unless another worker was first; whether it was made."""
    setup, method, step, octave = key
    insert = _INSERTS[session.get_bind().dialect.name](PacePoint)
    row = insert.values(
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
    made = row.on_conflict_do_nothing().returning(PacePoint.step)
    return session.scalar(made) is not None


def _now(db: Database, session: Session) -> float:
    return float(session.scalars(select(db.now)).one())


def _remember(db: Database, session: Session, setup: str, outcome: Outcome) -> None:
    foretold = outcome.foretold
    row = Forecast(
        job_id=outcome.job_id,
        setup=setup,
        forecast_seconds=foretold.seconds,
        low_seconds=foretold.low,
        high_seconds=foretold.high,
        actual_seconds=outcome.actual_seconds,
        at=db.now,
    )
    session.add(row)
    session.flush()
    session.execute(delete(Forecast).where(Forecast.seq <= row.seq - FORETOLD_KEPT))
