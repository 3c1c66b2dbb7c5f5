"""How an attempt measures itself, and what it foretells by that."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from shared.clock import Clock
from shared.forecast.pace_model import CurvePoint, PaceCurve, PaceModel, PaceStep
from shared.forecast.pace_store import PaceMeasurement
from shared.forecast.time_left import ProgressReport, estimate_time_left
from worker.attempts.progress import ProgressMeter
from worker.engine.objective import Losses

STAGES = [(100, 10), (200, 5)]
SMALL, LARGE = 0.01, 0.04  # megapixels of these scales of a square


class Watch(Clock):
    now = 0.0

    def monotonic(self):
        return self.now


def iterate(scale, at_scale, overall):
    side = STAGES[scale][0]
    return SimpleNamespace(
        image=torch.zeros(1, 3, side, side),
        scale=scale,
        scale_iteration=at_scale,
        iteration=overall,
        losses=Losses(1.0, 1.0, 0.0, 0.0),
    )


def known(factor=1.0):
    points = (CurvePoint(SMALL, factor), CurvePoint(LARGE, 4 * factor))
    return PaceModel(
        {
            PaceStep.ITERATION: PaceCurve(PaceStep.ITERATION, points),
            PaceStep.TARGETS: PaceCurve(PaceStep.TARGETS, points),
            PaceStep.SAVE: PaceCurve(PaceStep.SAVE, (CurvePoint(LARGE, 3.0),)),
        },
        is_same_method=True,
    )


def run(meter, watch, scale, count, seconds, before=0):
    told = {}
    for n in range(1, count + 1):
        watch.now += seconds
        told = meter.progress(iterate(scale, n, before + n))
    return told


def left(told):
    return estimate_time_left(
        STAGES, told["scale"], ProgressReport.model_validate(told)
    ).seconds


@pytest.fixture
def watch():
    return Watch()


@pytest.fixture
def meter(watch):
    return ProgressMeter(watch)


def test_before_the_first_iteration_all_is_still_to_come(meter, watch):
    watch.now = 2.0
    meter.set_expected_pace(known(), STAGES, (50, 50))

    told = meter.loading_progress(0, 0, 0)

    assert left(told) == pytest.approx(1 + 10 * 1 + 4 + 5 * 4 + 3)
    assert meter.forecast.seconds == pytest.approx(1 + 10 + 4 + 20 + 3)
    assert told["phase"] == "loading"


def test_an_attempt_that_is_slower_than_others_corrects_what_is_left(meter, watch):
    meter.set_expected_pace(known(), STAGES, (50, 50))

    told = run(meter, watch, 0, 9, 2.0)

    # Eight measured iterations count for 8 / 12 of it.
    slower = 2 ** (8 / 12)
    assert left(told) == pytest.approx(slower * (1 + 4 + 5 * 4) + 3)


def test_the_correction_is_taken_along_to_the_next_scale(meter, watch):
    meter.set_expected_pace(known(), STAGES, (50, 50))
    run(meter, watch, 0, 10, 2.0)

    told = run(meter, watch, 1, 1, 8.0, before=10)

    assert left(told) == pytest.approx(2 ** (9 / 13) * 4 * 4 + 3)


def test_where_nothing_was_known_the_pace_of_the_moment_counts(meter, watch):
    meter.set_expected_pace(PaceModel(), STAGES, (50, 50))
    assert "scale_costs" not in meter.loading_progress(0, 0, 0)

    told = run(meter, watch, 0, 4, 1.0)

    assert left(told) == pytest.approx(6 + 4 + 5 * 4)
    assert meter.forecast is None


def test_what_was_timed_is_told_per_step_and_size(meter, watch):
    watch.now = 2.0
    meter.set_expected_pace(known(), STAGES, (50, 50))
    watch.now += 5.0  # the targets of the first scale
    run(meter, watch, 0, 10, 1.0)
    watch.now += 2.0
    run(meter, watch, 1, 5, 3.0, before=10)
    watch.now += 7.0

    assert meter.measurements() == [
        PaceMeasurement(PaceStep.LOAD, LARGE, pytest.approx(2.0)),
        PaceMeasurement(PaceStep.ITERATION, SMALL, pytest.approx(1.0)),
        PaceMeasurement(PaceStep.TARGETS, SMALL, pytest.approx(5.0)),
        PaceMeasurement(PaceStep.ITERATION, LARGE, pytest.approx(3.0)),
        PaceMeasurement(PaceStep.TARGETS, LARGE, pytest.approx(2.0)),
        PaceMeasurement(PaceStep.SAVE, LARGE, pytest.approx(7.0)),
    ]


def test_a_few_iterations_say_nothing_about_other_jobs(meter, watch):
    meter.set_expected_pace(known(), STAGES, (50, 50))
    run(meter, watch, 0, 3, 1.0)

    assert [one.step for one in meter.measurements()] == [PaceStep.LOAD, PaceStep.SAVE]
