"""How an attempt measures itself, and what it estimates by that.

However long a run, its curve has a bounded number of points, evenly spread.
"""

from __future__ import annotations

import json
from itertools import pairwise
from types import SimpleNamespace

import pytest

from shared.clock import Clock
from shared.queries.eta import ProgressReport, estimate_time_left
from shared.workers.pace_table import FIRST_DEVIATION, IterationTime, PaceMeasurement
from worker.attempts.progress import LossHistory, ProgressMeter

STAGES = [(100, 10), (200, 5)]
SMALL, LARGE = 0.01, 0.04  # megapixels of these scales of a square
SIZES = [SMALL, LARGE]
KNOWN = [IterationTime(1.0, 0.1), IterationTime(4.0, 0.2)]
UNKNOWN = [None, None]


class Watch(Clock):
    now = 0.0

    def monotonic(self):
        return self.now


def run(meter, watch, scale, count, seconds, done=0):
    told = {}
    side = STAGES[scale][0]
    for n in range(done + 1, done + count + 1):
        watch.now += seconds
        told = meter.progress(scale, n, (side, side))
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
    meter.set_expected_pace(SIZES, KNOWN)

    told = meter.loading_progress(0, 0, 0)

    assert left(told) == pytest.approx(10 * 1 + 5 * 4)
    assert (told["phase"], told["elapsed_seconds"]) == ("loading", 2.0)
    assert told["deviation"] == 0.2  # the largest of the scales that are left


def test_an_attempt_that_is_slower_than_others_goes_on_as_slowly(meter, watch):
    meter.set_expected_pace(SIZES, KNOWN)

    told = run(meter, watch, 0, 9, 2.0)

    assert left(told) == pytest.approx(2 * (1 + 5 * 4))


def test_the_correction_is_taken_along_to_the_next_scale(meter, watch):
    meter.set_expected_pace(SIZES, KNOWN)
    run(meter, watch, 0, 10, 2.0)

    told = run(meter, watch, 1, 1, 30.0)

    assert left(told) == pytest.approx(2 * 4 * 4)  # the targets do not count


def test_where_nothing_was_known_the_own_pace_counts_at_once(meter, watch):
    meter.set_expected_pace(SIZES, UNKNOWN)
    assert "iteration_seconds" not in meter.loading_progress(0, 0, 0)
    assert "iteration_seconds" not in run(meter, watch, 0, 1, 9.0)

    told = run(meter, watch, 0, 1, 1.0, done=1)

    assert left(told) == pytest.approx(8 + 5 * 4)
    assert told["deviation"] == FIRST_DEVIATION
    assert told["seconds_per_mpx_iteration"] == pytest.approx(100.0)


def test_a_scale_that_was_never_measured_takes_the_pace_of_the_one_before(meter, watch):
    meter.set_expected_pace(SIZES, [KNOWN[0], None])

    told = run(meter, watch, 0, 10, 2.0)

    assert left(told) == pytest.approx(5 * 8)


def test_every_second_of_an_attempt_belongs_to_a_scale(meter, watch):
    watch.now = 2.0
    meter.set_expected_pace(SIZES, KNOWN)
    watch.now += 5.0  # the targets of the first scale
    run(meter, watch, 0, 10, 1.0)
    watch.now += 2.0
    run(meter, watch, 1, 5, 3.0)
    watch.now += 7.0

    meter.finish()
    assert meter.paces == [
        PaceMeasurement(SMALL, pytest.approx((2 + 5 + 10) / 10 / SMALL)),
        PaceMeasurement(LARGE, pytest.approx((2 + 15 + 7) / 5 / LARGE)),
    ]


def test_a_few_iterations_say_nothing_about_other_jobs(meter, watch):
    meter.set_expected_pace(SIZES, KNOWN)
    run(meter, watch, 0, 2, 1.0)

    meter.finish()
    assert meter.paces == []


def test_a_scale_that_another_attempt_began_says_nothing_either(meter, watch):
    meter.set_expected_pace(SIZES, KNOWN)
    run(meter, watch, 0, 4, 1.0, done=6)
    run(meter, watch, 1, 5, 3.0)

    meter.finish()
    assert meter.paces == [PaceMeasurement(LARGE, pytest.approx(3.0 / LARGE))]


def test_pictures_of_an_exploration_count_as_squares(meter, watch):
    meter.set_expected_pace([SMALL], [None])
    for done in range(1, 5):
        watch.now += 1.0
        told = meter.progress(0, done, (100, 50))

    assert told["iteration_seconds"] == [pytest.approx(1.0)]
    assert told["seconds_per_mpx_iteration"] == pytest.approx(200.0)
    meter.finish()
    assert meter.paces == [PaceMeasurement(SMALL, pytest.approx(100.0))]


def iterate(iteration, total=1.0):
    losses = SimpleNamespace(total=total, content=0.25, style=0.5, tv=0.25)
    return SimpleNamespace(iteration=iteration, scale=0, losses=losses)


def iterations(curve):
    return [point[0] for point in curve.points]


def test_a_short_run_keeps_every_iteration():
    curve = LossHistory()
    for iteration in range(1, 101):
        curve.add(iterate(iteration))

    assert iterations(curve) == list(range(1, 101))
    assert curve.points[0] == [1, 0, 1.0, 0.25, 0.5, 0.25]


@pytest.mark.parametrize("count", [501, 999, 1000, 20_000])
def test_a_long_run_is_thinned_evenly_and_keeps_its_ends(count):
    curve = LossHistory()
    for iteration in range(1, count + 1):
        curve.add(iterate(iteration))

    kept = iterations(curve)
    assert len(kept) <= 501
    assert (kept[0], kept[-1]) == (1, count)
    gaps = [after - before for before, after in pairwise(kept[:-1])]
    assert max(gaps) <= 2 * count / 250
    assert len(json.dumps(curve.points)) < 40_000


def test_an_attempt_goes_on_from_where_it_resumes():
    first = LossHistory()
    for iteration in range(1, 11):
        first.add(iterate(iteration))

    again = LossHistory(first.points, until_iteration=7)
    again.add(iterate(8, total=9.0))

    assert iterations(again) == list(range(1, 9))
    assert again.points[-1][2] == 9.0


def test_what_is_no_number_is_none_and_the_others_are_short():
    curve = LossHistory()
    curve.add(iterate(1, total=float("nan")))
    curve.add(iterate(2, total=1 / 3))

    assert [point[2] for point in curve.points] == [None, 0.333333]


def test_nothing_has_no_points():
    assert LossHistory().points == []
    assert LossHistory([[5, 0, 1, 1, 1, 1]], until_iteration=0).points == []
