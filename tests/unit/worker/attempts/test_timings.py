"""Durations of an attempt, measured for the forecasts of later jobs."""

from __future__ import annotations

from types import SimpleNamespace

from shared.forecast.pace_model import DurationRange
from shared.params.kinds import JobKind
from shared.params.style import StyleParams
from shared.settings import Settings
from worker.attempts.timings import PaceRecorder
from worker.devices.device import select_device


def test_an_attempt_that_took_no_time_by_its_clock_is_measured_too(tmp_path):
    """As when it resumed at its end, within one tick: its picture must not be lost."""
    context = SimpleNamespace(
        db=None, settings=Settings(home=tmp_path), device=select_device("cpu")
    )
    claim = SimpleNamespace(job_id="job_1", kind=JobKind.STYLE, params=StyleParams())
    meter = SimpleNamespace(
        measurements=list, forecast=DurationRange(1.0, 1.0, 1.0), elapsed_seconds=0.0
    )

    PaceRecorder(context, claim).collect(meter, matches_forecast=True)
