"""Paces of earlier jobs for an attempt, and the record of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import structlog

from shared.errors import DatabaseUnavailable
from shared.forecast.pace_model import PaceModel, explore_method, style_method
from shared.forecast.pace_store import ForecastOutcome, load_pace_table, record_paces
from shared.params.kinds import JobKind
from shared.params.segments import apply_segments
from worker.devices.device import describe_setup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.forecast.pace_model import DurationRange
    from shared.forecast.pace_store import PaceMeasurement
    from shared.jobs.claim import Claim
    from shared.params.style import StyleParams
    from worker.context import WorkerContext
    from worker.engine.snapshot import Snapshot

log = structlog.get_logger(__name__)


class TimedMeter(Protocol):
    """Meter of an attempt of any kind, after its end."""

    @property
    def forecast(self) -> DurationRange | None:
        """Expected duration; None if no job like it was measured."""

    @property
    def elapsed_seconds(self) -> float:
        """Seconds since the claim."""

    def measurements(self) -> Sequence[PaceMeasurement]:
        """Return all measurements; the result was just stored."""


class PaceRecorder:
    """Reads and records the paces of a job's method on this worker.

    If the database is away, it only logs that.

    Args:
        context: Resources of the worker process.
        claim: Claim of the job.
    """

    def __init__(self, context: WorkerContext, claim: Claim) -> None:
        self._db, self._claim = context.db, claim
        self._setup = describe_setup(context.settings, context.device)
        method_of = explore_method if claim.kind == JobKind.EXPLORE else style_method
        self._method = method_of(claim.params.model_dump())
        self._measurements: Sequence[PaceMeasurement] = ()
        self._outcome: ForecastOutcome | None = None

    def load_pace_model(self) -> PaceModel:
        """Load the pace model of this method; an empty one if the database is away."""
        try:
            table = load_pace_table(self._db)
        except DatabaseUnavailable as error:
            log.warning("pace_read_failed", error=str(error))
            return PaceModel()
        if self._claim.kind == JobKind.EXPLORE:
            return table.explore_pace_model(self._setup, self._method)
        return table.pace_model(self._setup, self._method)

    def collect(self, meter: TimedMeter, *, matches_forecast: bool) -> None:
        """Collect the measurements of an attempt, and how accurate its forecast was.

        Args:
            meter: Meter of the attempt; the result is stored by now.
            matches_forecast: Whether the attempt did the work of its forecast: it was
                neither steered nor finished early.
        """
        self._measurements = meter.measurements()
        forecast, seconds = meter.forecast, meter.elapsed_seconds
        if matches_forecast and forecast is not None and seconds > 0:
            self._outcome = ForecastOutcome(self._claim.job_id, forecast, seconds)
            error = forecast.seconds / seconds - 1
            log.info(
                "duration_forecast", seconds=seconds, relative_error=round(error, 3)
            )

    def store(self) -> None:
        """Store what was collected; never raises, as the job has already succeeded."""
        measurements, outcome = self._measurements, self._outcome
        try:
            record_paces(self._db, self._setup, self._method, measurements, outcome)
        except DatabaseUnavailable as error:
            log.warning("pace_write_failed", error=str(error))
        except Exception:
            log.exception("pace_write_failed")


def snapshot_position(snapshot: Snapshot) -> tuple[int, int, int]:
    """Return iterations over all scales, the scale, and iterations done there."""
    return snapshot.iteration, snapshot.scale, snapshot.scale_iteration


def remaining_stages(
    claim: Claim[StyleParams], done: tuple[int, int, int]
) -> list[tuple[int, int]]:
    """Return (long side in px, remaining iterations) per scale, by the current plan."""
    _, scale, at_scale = done
    stages = apply_segments(claim.params, claim.segments).stages
    remaining = [0] * scale + [count for _, count in stages[scale:]]
    remaining[scale] = max(0, remaining[scale] - at_scale)
    return [(side, n) for (side, _), n in zip(stages, remaining, strict=True)]
