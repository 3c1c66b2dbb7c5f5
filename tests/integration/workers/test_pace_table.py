"""Rows of measured paces, on both databases; and attempts that measure."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select, text

from shared.db.database import Database
from shared.db.models.workers import Pace
from shared.workers.pace_table import (
    FIRST_DEVIATION,
    PaceMeasurement,
    load_pace_table,
    record_paces,
)
from worker.runner import Runner

CPU, METHOD = "cpu, one, bf16", "vgg16 lbfgs gram relu4_2"


def rows(db):
    with db.read() as session:
        return session.scalars(select(Pace)).all()


def measure(db, pace, megapixels=0.01, method=METHOD):
    record_paces(db, CPU, method, [PaceMeasurement(megapixels, pace)])


def test_a_measurement_comes_back_as_a_pace(db):
    measure(db, 50.0)

    time = load_pace_table(db).iteration_time(CPU, METHOD, 0.01)

    assert (time.seconds, time.deviation) == (pytest.approx(0.5), FIRST_DEVIATION)
    assert load_pace_table(db).iteration_time("cuda, other", METHOD, 0.01) is None


def test_the_mean_and_its_deviation_follow_what_is_measured(db):
    measure(db, 40.0)
    measure(db, 60.0)

    (row,) = rows(db)
    assert row.seconds_per_mpx_iteration == pytest.approx(45.0)
    assert row.deviation == pytest.approx(0.5)  # it missed by half, as expected

    for _ in range(30):
        measure(db, 60.0)
    (row,) = rows(db)
    assert row.seconds_per_mpx_iteration == pytest.approx(60.0, rel=0.001)
    assert row.deviation < 0.01
    measure(db, 30.0)
    (row,) = rows(db)
    assert row.deviation == pytest.approx(0.125, abs=0.01)


def test_sizes_of_one_octave_share_a_row(db):
    measure(db, 50.0)
    measure(db, 60.0, megapixels=0.011)
    measure(db, 30.0, megapixels=0.04)

    paces = sorted(row.seconds_per_mpx_iteration for row in rows(db))
    assert paces == [pytest.approx(30.0), pytest.approx(52.5)]


def test_a_clock_too_coarse_to_measure_says_nothing(db):
    measure(db, 0.0)

    assert rows(db) == []


def test_two_workers_that_measure_the_same_at_once_both_may(database_url, db):
    sizes = [0.04, 0.01, 0.01]
    each = [[PaceMeasurement(mpx, 1.0) for mpx in sizes]] * 2
    each[1] = list(reversed(each[0]))

    for setup in map(str, range(10)):
        _at_once(
            database_url, lambda db, n, s=setup: record_paces(db, s, METHOD, each[n])
        )

    assert len(rows(db)) == 2 * 10
    kept = FIRST_DEVIATION * 0.75  # less by a quarter with each that was as expected
    assert {round(row.deviation, 9) for row in rows(db)} == {
        kept,
        round(kept * 0.75**2, 9),
    }


def _at_once(database_url, do):
    """Do it twice, each with a database of its own, and raise what either raised."""
    ready, raised = threading.Barrier(2), []

    def one(number):
        database = Database(database_url)
        try:
            database.ping()
            ready.wait()
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
    assert rows(farm.db) == []


def test_nothing_is_learned_before_the_job_is_over(farm, tools):
    _forbid_paces(farm.db, "EXISTS (SELECT 1 FROM jobs WHERE state <> 'succeeded')")
    farm.submit(notify=False, max_edge=64, schedule=[(64, 6)])

    assert Runner(tools()).run_one()

    assert rows(farm.db) != []


def _forbid_paces(db, when):
    with db.write() as session:
        session.execute(
            text(
                f"CREATE TRIGGER forbid BEFORE INSERT ON paces WHEN {when} "
                "BEGIN SELECT RAISE(ABORT, 'not now'); END"
            )
        )


def test_a_worker_learns_from_a_job_and_estimates_the_next(farm, tools):
    first, second = (
        farm.submit(notify=False, seed=seed, max_edge=64, schedule=[(64, 12)])
        for seed in (1, 2)
    )
    assert Runner(tools()).run_one()
    (row,) = rows(farm.db)
    seconds = row.seconds_per_mpx_iteration * 12 * 64 * 43 / 1e6
    job = farm.job(first)
    assert 0 < seconds < job.finished_at - job.started_at

    assert Runner(tools()).run_one()

    (expected,) = farm.job(second).progress["iteration_seconds"]
    assert expected > 0
    assert rows(farm.db)[0].seconds_per_mpx_iteration != row.seconds_per_mpx_iteration
