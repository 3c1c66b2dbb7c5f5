"""Rows of paces and foretold times, on both databases; and a real worker."""

from __future__ import annotations

import threading
import time

import pytest
from sqlalchemy import func, select, text

from shared.db.database import Database
from shared.db.models.timing import Forecast, PacePoint
from shared.forecast import pace_store as timing
from shared.forecast.pace_model import DurationRange, PaceStep
from shared.forecast.pace_store import (
    ForecastOutcome,
    PaceMeasurement,
    forecast_accuracy,
    is_pace_measured,
    load_pace_table,
    record_paces,
    seed_paces,
)
from worker.runner import Runner

CPU, METHOD = "cpu, one, bf16", "vgg16 lbfgs gram relu4_2"
ONCE = PaceMeasurement(PaceStep.ITERATION, 0.01, 0.5)


def points(db):
    with db.read() as session:
        return session.scalars(select(PacePoint)).all()


def outcome(foretold=10.0, actual=12.5):
    span = DurationRange(foretold, 0.8 * foretold, 1.2 * foretold)
    return ForecastOutcome("job_1", span, actual)


def test_a_measurement_comes_back_as_a_pace(db):
    record_paces(db, CPU, METHOD, [ONCE])

    paces = load_pace_table(db).pace_model(CPU, METHOD)

    assert paces.is_same_method
    assert paces.iteration_seconds(0.01) == pytest.approx(0.5)


def test_sizes_of_one_octave_share_a_row(db):
    record_paces(db, CPU, METHOD, [ONCE])
    record_paces(db, CPU, METHOD, [PaceMeasurement(PaceStep.ITERATION, 0.011, 0.7)])
    record_paces(db, CPU, METHOD, [PaceMeasurement(PaceStep.ITERATION, 0.04, 0.7)])

    assert sorted(row.samples for row in points(db)) == [1, 2]


def test_another_method_stands_in_for_one_that_was_never_measured(db):
    record_paces(db, CPU, METHOD, [ONCE])
    adam = METHOD.replace("lbfgs", "adam")

    paces = load_pace_table(db).pace_model(CPU, adam)

    assert not paces.is_same_method
    assert paces.iteration_seconds(0.01) == pytest.approx(0.5)
    assert (
        load_pace_table(db).pace_model("cuda, other", METHOD).iteration_seconds(0.01)
        is None
    )


def test_explorations_and_style_jobs_do_not_stand_in_for_each_other(db):
    explore = "explore vgg16 relu5_1"
    record_paces(db, CPU, explore, [PaceMeasurement(PaceStep.PICTURE, 0.01, 0.1)])

    table = load_pace_table(db)

    assert table.pace_model(CPU, METHOD).iteration_seconds(0.01) is None
    record_paces(db, CPU, "vgg19 adam gram relu4_1", [ONCE])  # more words are the same
    other = load_pace_table(db).explore_pace_model(CPU, "explore vgg19 relu4_1")
    assert (other.is_same_method, other.step_seconds(PaceStep.PICTURE, 0.01)) == (
        False,
        0.1,
    )
    deeper = table.explore_pace_model(CPU, "explore vgg16 relu5_4")
    assert (deeper.is_same_method, deeper.step_seconds(PaceStep.PICTURE, 0.01)) == (
        False,
        0.1,
    )


def test_a_measurement_at_the_start_never_overrules_jobs(db, clock):
    seed_paces(db, CPU, METHOD, [ONCE])
    assert is_pace_measured(db, CPU, METHOD, 60)
    clock.advance(61)
    assert not is_pace_measured(db, CPU, METHOD, 60)

    record_paces(db, CPU, METHOD, [PaceMeasurement(PaceStep.ITERATION, 0.01, 0.9)])
    seed_paces(db, CPU, METHOD, [ONCE])

    assert load_pace_table(db).pace_model(CPU, METHOD).iteration_seconds(
        0.01
    ) == pytest.approx(0.9)


def test_the_accuracy_is_of_foretold_over_actual(db):
    record_paces(db, CPU, METHOD, [], outcome())
    record_paces(db, CPU, METHOD, [], outcome(actual=11.0))

    told = forecast_accuracy(db)

    assert sorted(told.errors) == [pytest.approx(1 / 11), pytest.approx(0.2)]
    assert (told.share_within_range, told.forecast_count) == (0.5, 2)


def test_only_the_newest_foretold_times_are_kept(db, monkeypatch):
    monkeypatch.setattr(timing, "MAX_FORECASTS", 3)
    for _ in range(5):
        record_paces(db, CPU, METHOD, [], outcome())

    with db.read() as session:
        assert session.scalar(select(func.count()).select_from(Forecast)) == 3
    assert forecast_accuracy(db).forecast_count == 5


@pytest.mark.parametrize(
    ("write", "samples"), [(record_paces, 2), (seed_paces, 0)], ids=["learn", "seed"]
)
def test_two_workers_that_measure_the_same_at_once_both_may(
    database_url, db, write, samples
):
    sizes = [0.04, 0.01, 0.01]
    each = [[PaceMeasurement(PaceStep.ITERATION, mpx, 1.0) for mpx in sizes]] * 2
    each[1] = list(reversed(each[0]))

    for setup in map(str, range(10)):
        _at_once(database_url, lambda db, n, s=setup: write(db, s, METHOD, each[n]))

    assert len(points(db)) == 2 * 10
    assert {row.samples for row in points(db)} == {samples, 2 * samples}


def _at_once(database_url, do):
    """Do it twice, each with a database of its own, and raise what either raised."""
    ready, raised = threading.Barrier(2), []

    def one(number):
        database = Database(database_url)
        try:
            database.ping()
            ready.wait(10)
            do(database, number)
        except Exception as error:  # noqa: BLE001 - for the test to raise
            raised.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


def test_a_picture_is_kept_though_nothing_can_be_learned_of_it(farm, tools):
    _forbid_paces(farm.db, "1")
    job_id = farm.submit(notify=False, max_edge=64, schedule=[(64, 6)])

    assert Runner(tools()).run_one()

    job = farm.job(job_id)
    assert (job.state, job.attempts) == ("succeeded", 1)
    assert points(farm.db) == []


def test_nothing_is_learned_before_the_job_is_over(farm, tools):
    _forbid_paces(farm.db, "EXISTS (SELECT 1 FROM jobs WHERE state <> 'succeeded')")
    farm.submit(notify=False, max_edge=64, schedule=[(64, 6)])

    assert Runner(tools()).run_one()

    assert points(farm.db) != []


def _forbid_paces(db, when):
    with db.write() as session:
        session.execute(
            text(
                f"CREATE TRIGGER forbid BEFORE INSERT ON paces WHEN {when} "
                "BEGIN SELECT RAISE(ABORT, 'not now'); END"
            )
        )


def test_a_real_worker_measures_itself_foretells_and_learns(farm):
    farm.start_worker(IMPASTO_BENCHMARK_SECONDS="1.5")
    first = farm.submit(max_edge=64, schedule=[(64, 12)])
    done = farm.wait_end(first)
    assert done.state == "succeeded"
    _wait_until_learned(farm.db, 1)
    rows = {(row.step, row.samples) for row in points(farm.db)}
    assert {(step.value, 1) for step in set(PaceStep) - {PaceStep.PICTURE}} <= rows
    assert (PaceStep.ITERATION.value, 0) in rows  # by the measurement at the start

    second = farm.submit(seed=2, max_edge=64, schedule=[(64, 12)])
    told = farm.wait(second, lambda job: "scale_costs" in (job.progress or {}))
    farm.wait_end(second)
    _wait_until_learned(farm.db, 2)

    assert told.progress["save_seconds"] > 0
    accuracy = forecast_accuracy(farm.db)
    assert accuracy.forecast_count == 2
    assert accuracy.errors[0] < 2.0


def _wait_until_learned(db, jobs_so_far, seconds=10.0):
    """A worker says so a moment after the job is over."""
    deadline = time.monotonic() + seconds
    while (
        forecast_accuracy(db).forecast_count < jobs_so_far
        and time.monotonic() < deadline
    ):
        time.sleep(0.02)
