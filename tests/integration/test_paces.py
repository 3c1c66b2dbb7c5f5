"""Rows of paces and foretold times, on both databases; and a real worker."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from shared import jobs
from shared.jobs import timing
from shared.pace_models import Foretold, PacePoint
from shared.pacing import Span, Step
from tests.job_rows import claim, submit

CPU, METHOD = "cpu, one, bf16", "vgg16 lbfgs gram relu5_1"
ONCE = jobs.Measured(Step.ITERATION, 0.01, 0.5)


def points(db):
    with db.read() as session:
        return session.scalars(select(PacePoint)).all()


def outcome(foretold=10.0, actual=12.5):
    span = Span(foretold, 0.8 * foretold, 1.2 * foretold)
    return jobs.Outcome("job_1", span, actual)


def worker(db, name="wkr_1", setup=CPU, **more):
    about = {"device_class": "cpu", "device_bytes": 2**40, **more}
    presence = jobs.Presence(
        name, "box", f"u-{name}", device_name="A CPU", versions={}, setup=setup, **about
    )
    jobs.arrive(db, presence)


def learned(db, seconds=1.0):
    sizes = (0.003, 0.01, 0.06, 0.3)
    each = [jobs.Measured(Step.ITERATION, size, seconds * size) for size in sizes]
    jobs.learn(db, CPU, METHOD, each)


def test_a_measurement_comes_back_as_a_pace(db):
    jobs.learn(db, CPU, METHOD, [ONCE])

    paces = jobs.timetable(db).paces(CPU, METHOD)

    assert paces.is_own
    assert paces.iteration(0.01) == pytest.approx(0.5)


def test_sizes_of_one_octave_share_a_row(db):
    jobs.learn(db, CPU, METHOD, [ONCE])
    jobs.learn(db, CPU, METHOD, [jobs.Measured(Step.ITERATION, 0.011, 0.7)])
    jobs.learn(db, CPU, METHOD, [jobs.Measured(Step.ITERATION, 0.04, 0.7)])

    assert sorted(row.samples for row in points(db)) == [1, 2]


def test_another_method_stands_in_for_one_that_was_never_measured(db):
    jobs.learn(db, CPU, METHOD, [ONCE])
    adam = METHOD.replace("lbfgs", "adam")

    paces = jobs.timetable(db).paces(CPU, adam)

    assert not paces.is_own
    assert paces.iteration(0.01) == pytest.approx(0.5)
    assert jobs.timetable(db).paces("cuda, other", METHOD).iteration(0.01) is None


def test_a_measurement_at_the_start_never_overrules_jobs(db, clock):
    jobs.seed(db, CPU, METHOD, [ONCE])
    assert jobs.is_known(db, CPU, METHOD, 60)
    clock.advance(61)
    assert not jobs.is_known(db, CPU, METHOD, 60)

    jobs.learn(db, CPU, METHOD, [jobs.Measured(Step.ITERATION, 0.01, 0.9)])
    jobs.seed(db, CPU, METHOD, [ONCE])

    assert jobs.timetable(db).paces(CPU, METHOD).iteration(0.01) == pytest.approx(0.9)


def test_the_accuracy_is_of_foretold_over_actual(db):
    jobs.learn(db, CPU, METHOD, [], outcome())
    jobs.learn(db, CPU, METHOD, [], outcome(actual=11.0))

    told = jobs.accuracy(db)

    assert sorted(told.errors) == [pytest.approx(1 / 11), pytest.approx(0.2)]
    assert (told.within, told.jobs) == (0.5, 2)


def test_only_the_newest_foretold_times_are_kept(db, monkeypatch):
    monkeypatch.setattr(timing, "FORETOLD_KEPT", 3)
    for _ in range(5):
        jobs.learn(db, CPU, METHOD, [], outcome())

    with db.read() as session:
        assert session.scalar(select(func.count()).select_from(Foretold)) == 3
    assert jobs.accuracy(db).jobs == 5


def test_the_line_is_played_ahead_on_live_workers(db, clock):
    learned(db)
    ids = []
    for _ in range(3):
        clock.advance(1)
        ids.append(submit(db))
    worker(db)

    line = jobs.line(db)

    first, second, third = (line.slots[job_id] for job_id in ids)
    assert [line.rank[job_id] for job_id in ids] == [0, 1, 2]
    assert first.starts.seconds == 0
    assert first.ends.seconds > 0
    assert second.starts == first.ends
    assert third.starts == second.ends


def test_what_is_left_of_a_running_job_comes_first(db, clock):
    learned(db)
    clock.advance(1)
    submit(db)
    clock.advance(1)
    waits = submit(db)
    worker(db)
    held = claim(db)
    costs = [[0.1, 0.2]] * 3
    said = {"scale": 2, "scale_iteration": 40, "phase": "optimizing"}
    said |= {"scale_costs": costs, "save_seconds": 3.0, "width": 8, "height": 8}
    jobs.heartbeat(db, held, 1000, 200, said)

    slot = jobs.line(db).slots[waits]

    assert slot.starts.seconds == pytest.approx(10 * 0.1 + 3.0)


def test_without_a_worker_or_a_pace_there_are_places_but_no_times(db, clock):
    job_id = submit(db)
    assert jobs.line(db).slots == {}
    worker(db)

    line = jobs.line(db)

    assert line.rank == {job_id: 0}
    assert line.slots == {}


def test_owners_share_the_line_as_the_claim_does(db, clock):
    mine = []
    for _ in range(2):
        clock.advance(1)
        mine.append(submit(db))
    clock.advance(1)
    theirs = submit(db, "own_b")

    foretold = sorted(jobs.line(db).rank.items(), key=lambda item: item[1])
    claimed = [claim(db, nonce).job_id for nonce in "abc"]

    assert [job_id for job_id, _ in foretold] == claimed == [mine[0], theirs, mine[1]]


def test_a_real_worker_measures_itself_foretells_and_learns(farm):
    farm.start_worker(IMPASTO_WARM_UP_SECONDS="1.5")
    first = farm.submit(max_edge=64, schedule=[(64, 12)])
    done = farm.wait_end(first)
    assert done.state == "succeeded"
    rows = {(row.step, row.samples) for row in points(farm.db)}
    assert {(step.value, 1) for step in Step} <= rows
    assert (Step.ITERATION.value, 0) in rows  # by the measurement at the start

    second = farm.submit(seed=2, max_edge=64, schedule=[(64, 12)])
    told = farm.wait(second, lambda job: "scale_costs" in (job.progress or {}))
    farm.wait_end(second)

    assert told.progress["save_seconds"] > 0
    accuracy = jobs.accuracy(farm.db)
    assert accuracy.jobs == 2
    assert accuracy.errors[0] < 2.0
