"""What an attempt is told of the time that jobs like it took, and what it tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import structlog

from shared.errors import DatabaseUnavailable
from shared.forecast.pace_model import Paces, look_method, method_of
from shared.forecast.pace_store import Outcome, record_pace, timetable
from shared.params.kinds import JobKind
from shared.params.segments import steered
from worker.devices.device import setup_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.forecast.pace_model import Span
    from shared.forecast.pace_store import Measured
    from shared.jobs.claim import Claim
    from shared.params.style import StyleParams
    from worker.context import Tools
    from worker.engine.snapshot import Snapshot

log = structlog.get_logger(__name__)


class Timed(Protocol):
    """What has measured an attempt of any kind."""

    @property
    def foretold(self) -> Span | None:
        """What it was expected to take, if anybody knew."""

    @property
    def elapsed_seconds(self) -> float:
        """Since the claim."""

    def saved(self) -> Sequence[Measured]:
        """All that was timed; the result has just been stored."""


class Times:
    """The paces of one claimed job's method on this worker; an outage costs only them.

    Args:
        tools: What this worker process has.
        claim: The job.
    """

    def __init__(self, tools: Tools, claim: Claim) -> None:
        self._db, self._claim = tools.db, claim
        self._setup = setup_of(tools.settings, tools.device)
        named = look_method if claim.kind == JobKind.EXPLORE else method_of
        self._method = named(claim.params.model_dump())
        self._measured: Sequence[Measured] = ()
        self._outcome: Outcome | None = None

    def paces(self) -> Paces:
        """Read what is known."""
        try:
            known = timetable(self._db)
        except DatabaseUnavailable as error:
            log.warning("pace_read_failed", error=str(error))
            return Paces()
        if self._claim.kind == JobKind.EXPLORE:
            return known.look_paces(self._setup, self._method)
        return known.paces(self._setup, self._method)

    def note(self, meter: Timed, *, is_as_foretold: bool) -> None:
        """Take down what a whole attempt took, and if that was as it was foretold.

        Args:
            meter: Its own; the result has been stored by now.
            is_as_foretold: Whether it did what it was foretold for: nobody changed
                anything or ended it early.
        """
        self._measured = meter.saved()
        foretold = meter.foretold
        if is_as_foretold and foretold is not None:
            took = meter.elapsed_seconds
            self._outcome = Outcome(self._claim.job_id, foretold, took)
            error = foretold.seconds / took - 1
            log.info("duration_forecast", seconds=took, relative_error=round(error, 3))

    def learn(self) -> None:
        """Tell what was taken down; the job is over, and nothing here may harm it."""
        measured, outcome = self._measured, self._outcome
        try:
            record_pace(self._db, self._setup, self._method, measured, outcome)
        except DatabaseUnavailable as error:
            log.warning("pace_write_failed", error=str(error))
        except Exception:
            log.exception("pace_write_failed")


def place_of(here: Snapshot) -> tuple[int, int, int]:
    """Iterations over all scales, the scale, and iterations done there."""
    return here.iteration, here.scale, here.scale_iteration


def left_of(
    claim: Claim[StyleParams], done: tuple[int, int, int]
) -> list[tuple[int, int]]:
    """(long side in px, iterations that are left) per scale, as planned by now."""
    _, scale, at_scale = done
    stages = steered(claim.params, claim.segments).stages
    left = [0] * scale + [count for _, count in stages[scale:]]
    left[scale] = max(0, left[scale] - at_scale)
    return [(side, n) for (side, _), n in zip(stages, left, strict=True)]
