"""How an attempt at an exploration measures itself, and what it foretells."""

from __future__ import annotations

import pytest

from shared.clock import Clock
from shared.forecast.pace_model import (
    CurvePoint,
    PaceCurve,
    PaceModel,
    PaceStep,
    explore_megapixels,
)
from shared.forecast.pace_store import PaceMeasurement
from shared.forecast.time_left import ProgressReport, estimate_time_left
from shared.params.explore import ExploreParams
from worker.attempts.explore_progress import ExploreProgressMeter
from worker.engine.activation_patches import PatchSearchState

PARAMS = ExploreParams(max_edge=100).with_pictures([f"ast_{n}" for n in range(20)])
SIZE = explore_megapixels(100)


class Watch(Clock):
    now = 0.0

    def monotonic(self):
        return self.now


def paces(step, seconds, *, is_own=False):
    curves = {step: PaceCurve(step, (CurvePoint(SIZE, seconds),))}
    return PaceModel(
        curves
        | {PaceStep.SAVE: PaceCurve(PaceStep.SAVE, (CurvePoint(20 * SIZE, 3.0),))},
        is_own,
    )


@pytest.fixture
def watch():
    return Watch()


@pytest.fixture
def meter(watch):
    return ExploreProgressMeter(PARAMS, watch)


def run(meter, watch, count, seconds, seen=0):
    told = {}
    for n in range(seen + 1, seen + count + 1):
        watch.now += seconds
        told = meter.progress(PatchSearchState(n, 50, 100, {}))
    return told


def left(told):
    return estimate_time_left(
        [(1, 20)], told["scale"], ProgressReport.model_validate(told)
    ).seconds


def test_before_the_first_look_all_is_still_to_come(meter, watch):
    watch.now = 2.0
    meter.set_expected_pace(paces(PaceStep.PICTURE, 0.5, is_own=True), 0)

    told = meter.loading_progress(0)

    assert told["phase"] == "loading"
    assert left(told) == pytest.approx(20 * 0.5 + 3)
    assert meter.forecast.seconds == pytest.approx(20 * 0.5 + 3)


def test_an_attempt_that_goes_on_foretells_what_is_left(meter):
    meter.set_expected_pace(paces(PaceStep.PICTURE, 0.5, is_own=True), 15)

    assert left(meter.loading_progress(15)) == pytest.approx(5 * 0.5 + 3)
    assert meter.forecast.seconds == pytest.approx(5 * 0.5 + 3)


def test_an_attempt_that_is_slower_than_others_corrects_what_is_left(meter, watch):
    meter.set_expected_pace(paces(PaceStep.PICTURE, 0.5, is_own=True), 0)

    told = run(meter, watch, 8, 1.0)

    slower = 2 ** (8 / 12)  # eight looks count for 8 / 12
    assert left(told) == pytest.approx(12 * 0.5 * slower + 3)


def test_what_is_only_assumed_gives_way_to_the_first_look(meter, watch):
    meter.set_expected_pace(paces(PaceStep.ITERATION, 0.5), 0)
    assert left(meter.loading_progress(0)) == pytest.approx(20 * 0.5 + 3)
    unsure = meter.loading_progress(0)["deviation"]

    told = run(meter, watch, 1, 2.0)

    assert left(told) == pytest.approx(19 * 2.0 + 3)
    assert told.get("deviation", ProgressReport().deviation) < unsure
    assert meter.forecast is None  # an assumption is none that could prove wrong


def test_where_nothing_was_known_the_pace_of_the_moment_counts(meter, watch):
    meter.set_expected_pace(PaceModel(), 0)
    assert "scale_costs" not in meter.loading_progress(0)

    assert left(run(meter, watch, 4, 1.0)) == pytest.approx(16)


def test_what_was_timed_is_told_per_step_and_size(meter, watch):
    watch.now = 2.0
    meter.set_expected_pace(PaceModel(), 0)
    run(meter, watch, 20, 0.5)
    watch.now += 7.0

    assert meter.elapsed_seconds == pytest.approx(2 + 10 + 7)
    assert meter.measurements() == [
        PaceMeasurement(PaceStep.LOAD, SIZE, pytest.approx(2.0)),
        PaceMeasurement(PaceStep.SAVE, 20 * SIZE, pytest.approx(7.0)),
        PaceMeasurement(PaceStep.PICTURE, SIZE, pytest.approx(0.5)),
    ]


def test_two_looks_say_nothing_of_others(meter, watch):
    meter.set_expected_pace(PaceModel(), 18)
    run(meter, watch, 2, 0.5, seen=18)

    assert PaceStep.PICTURE not in {one.step for one in meter.measurements()}
