"""Progress of an attempt at an exploration, and the estimate of its remaining time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.forecast.pace_model import PaceStep, explore_cost, explore_megapixels
from shared.forecast.pace_store import PaceMeasurement
from worker.attempts.progress import ITERATIONS_TO_TRUST

if TYPE_CHECKING:
    from shared.clock import Clock
    from shared.forecast.pace_model import DurationRange, JobCost, PaceModel
    from shared.params.explore import ExploreParams
    from worker.engine.activation_patches import PatchSearchState

_MEGA = 1_000_000
_MIN_PICTURES = 3  # pictures; fewer say nothing about other jobs


class ExploreProgressMeter:
    """Progress meter of an exploration, in which every picture is one step.

    The pace of earlier explorations is used until this one has its own; an assumed
    pace is replaced after the first picture.

    Args:
        params: Parameters of the exploration.
        clock: Clock of the process.
    """

    def __init__(self, params: ExploreParams, clock: Clock) -> None:
        self._params, self._clock = params, clock
        self._started_at = self._last = clock.monotonic()
        self._expected_cost: JobCost | None = None
        self._is_same_method = False
        self._load_seconds = self._picture_seconds = self._megapixels = 0.0
        self._picture_count = 0
        self.forecast: DurationRange | None = None

    def set_expected_pace(self, pace_model: PaceModel, done: int) -> None:
        """Set the expected cost by earlier jobs; the network is loaded by now.

        Args:
            pace_model: Pace of such explorations on this worker, or of style jobs.
            done: Number of pictures done by earlier attempts.
        """
        self._last = self._clock.monotonic()
        self._load_seconds = self._last - self._started_at
        pictures = self._params.iterations
        self._expected_cost = explore_cost(pace_model, self._params.max_edge, pictures)
        self._is_same_method = pace_model.is_same_method
        if self._expected_cost is not None and pace_model.is_same_method:
            self.forecast = self._expected_cost.duration([pictures - done])

    def loading_progress(self, done: int) -> dict[str, Any]:
        """Return the progress before the first picture, in the form of the column."""
        position = {"scale": 0, "scale_iteration": done, "iteration": done}
        return {"phase": "loading", **position, **self._estimate()}

    def progress(self, step: PatchSearchState) -> dict[str, Any]:
        """Return the progress after a picture, as `jobs.progress` stores it."""
        now = self._clock.monotonic()
        self._picture_seconds += now - self._last
        self._last = now
        self._picture_count += 1
        self._megapixels += step.width * step.height / _MEGA
        return {
            "phase": "looking",
            "scale": 0,
            "scale_iteration": step.picture_count,
            "width": step.width,
            "height": step.height,
            "iteration": step.picture_count,
            "losses": {},
            "seconds_per_mpx_iteration": self._picture_seconds / self._megapixels,
            **self._estimate(),
        }

    def measurements(self) -> list[PaceMeasurement]:
        """Return all measurements; the sheets were just stored."""
        size = explore_megapixels(self._params.max_edge)
        seconds = self._clock.monotonic() - self._last
        measurements = [
            PaceMeasurement(PaceStep.LOAD, size, self._load_seconds),
            PaceMeasurement(PaceStep.SAVE, size * self._params.iterations, seconds),
        ]
        if self._picture_count >= _MIN_PICTURES:
            mean = self._picture_seconds / self._picture_count
            measurements.append(PaceMeasurement(PaceStep.PICTURE, size, mean))
        return measurements

    @property
    def elapsed_seconds(self) -> float:
        """Seconds since the claim."""
        return self._clock.monotonic() - self._started_at

    def _estimate(self) -> dict[str, Any]:
        """Return what the remaining time is computed from."""
        estimate = {
            "elapsed_seconds": self._last - self._started_at,
            "updated_at": self._clock.time(),
        }
        expected, trust = self._expected_cost, self._trust()
        if expected is not None:
            estimate["save_seconds"] = expected.save_seconds
            if trust < 1:
                estimate["deviation"] = expected.deviation * (1 - trust / 2)
            per_picture = expected.scales[0].iteration_seconds
            if self._picture_count:
                per_picture *= (
                    self._picture_seconds / self._picture_count / per_picture
                ) ** trust
        elif self._picture_count:
            per_picture = self._picture_seconds / self._picture_count
        else:
            return estimate
        return {**estimate, "scale_costs": [(per_picture, 0.0)]}

    def _trust(self) -> float:
        """Weight of this attempt's own pace, 0 to 1."""
        if self._picture_count and not self._is_same_method:
            return 1.0
        return self._picture_count / (self._picture_count + ITERATIONS_TO_TRUST)
