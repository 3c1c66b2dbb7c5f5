"""The queue, read from rows on both databases, and when its jobs run."""

from __future__ import annotations

import pytest

from shared.auth.api_keys import ensure_owner
from shared.jobs.actions import finish
from shared.jobs.lease import renew_lease
from shared.jobs.steering import JobChange, begin_segments, update_job
from shared.jobs.submit import NewJob, submit_job
from shared.params.explore import ExploreParams
from shared.params.segments import Changes, Segment
from shared.queries.queue import read_queue_state
from shared.workers.pace_table import PaceMeasurement, record_paces
from shared.workers.registry import Registration, register_worker
from tests.support.databases import ON_BOTH
from tests.support.job_rows import LIMITS, checkpoint, claim, lose, submit

CPU, METHOD = "cpu, one, bf16", "vgg16 lbfgs gram relu4_2"


def worker(db, name="wkr_1", setup=CPU, **more):
    about = {"device_class": "cpu", "device_bytes": 2**40, **more}
    presence = Registration(
        name, "box", f"u-{name}", device_name="A CPU", versions={}, setup=setup, **about
    )
    register_worker(db, presence)


def learned(db, seconds=1.0):
    sizes = (0.003, 0.01, 0.06, 0.3)
    each = [PaceMeasurement(size, seconds) for size in sizes]
    record_paces(db, CPU, METHOD, each)


def explore(db, owner_id="own_a"):
    """Queue an exploration of nine pictures of up to 100 px."""
    ensure_owner(db, owner_id)
    params = ExploreParams(max_edge=100).with_pictures([f"ast_{n}" for n in range(9)])
    return submit_job(db, NewJob(owner_id, params, ()), LIMITS).job_id


@ON_BOTH
def test_jobs_in_line_run_one_after_the_other_on_a_live_worker(db, clock):
    learned(db)
    ids = []
    for _ in range(3):
        clock.advance(1)
        ids.append(submit(db))
    worker(db)

    line = read_queue_state(db)

    first, second, third = (line.run_slots[job_id] for job_id in ids)
    assert [line.jobs_ahead[job_id] for job_id in ids] == [0, 1, 2]
    assert first.starts.seconds == 0
    assert first.ends.seconds > 0
    assert second.starts == first.ends
    assert third.starts == second.ends


@pytest.fixture
def busy(db, clock):
    """(claim, id of who waits behind): the claim has made 40 of its last 50."""
    learned(db)
    clock.advance(1)
    submit(db)
    clock.advance(1)
    waits = submit(db)
    worker(db)
    held = claim(db)
    progress = {"scale": 2, "scale_iteration": 40, "phase": "optimizing"}
    progress |= {"iteration_seconds": [0.1] * 3, "width": 8, "height": 8}
    renew_lease(db, held, 1000, 200, progress)
    return held, waits


def test_what_is_left_of_a_running_job_comes_first(db, busy):
    _, waits = busy

    slot = read_queue_state(db).run_slots[waits]

    assert slot.starts.seconds == pytest.approx(10 * 0.1)


def steer(db, job_id, **changes):
    update_job(db, "own_a", job_id, JobChange(params=Changes(**changes)))


@ON_BOTH
@pytest.mark.parametrize("planned", [45, 50, 90, 1])
def test_who_waits_behind_a_job_starts_when_it_ends_as_it_is_steered(db, busy, planned):
    held, waits = busy
    left = max(0, planned - 40) * 0.1

    steer(db, held.job_id, style_weight=2.0, iterations=planned)

    assert read_queue_state(db).run_slots[waits].starts.seconds == pytest.approx(left)
    steer(db, held.job_id, content_weight=3.0)  # costs no time
    begin_segments(db, held, 201)
    assert read_queue_state(db).run_slots[waits].starts.seconds == pytest.approx(left)


def test_the_latest_of_several_changes_counts(db, busy):
    held, waits = busy
    steer(db, held.job_id, iterations=100)
    begin_segments(db, held, 201)
    steer(db, held.job_id, iterations=60)
    steer(db, held.job_id, iterations=70)

    assert read_queue_state(db).run_slots[waits].starts.seconds == pytest.approx(
        30 * 0.1
    )


def test_a_job_that_shall_finish_has_no_iterations_left(db, busy):
    held, waits = busy

    finish(db, "own_a", held.job_id)

    assert read_queue_state(db).run_slots[waits].starts.seconds == 0


def lasts(db, job_id):
    slot = read_queue_state(db).run_slots[job_id]
    return slot.ends.seconds - slot.starts.seconds


def test_a_waiting_job_lasts_as_long_as_it_is_steered_to(db, clock):
    learned(db)
    worker(db)
    first = submit(db)
    clock.advance(1)
    second = submit(db, segments=[segment(120, iterations=10)])
    whole = lasts(db, first)
    assert lasts(db, second) < whole

    steer(db, first, iterations=10)
    assert lasts(db, first) == pytest.approx(lasts(db, second))
    assert read_queue_state(db).run_slots[second].starts.seconds == pytest.approx(
        lasts(db, first)
    )
    steer(db, first, iterations=50)
    assert lasts(db, first) == pytest.approx(whole)


def segment(from_iteration, **changes):
    return Segment(from_iteration=from_iteration, changes=Changes(**changes))


def test_a_job_that_waits_with_a_checkpoint_needs_only_what_is_left(db, clock):
    learned(db)
    job_id = submit(db)
    worker(db)
    whole = lasts(db, job_id)
    held = claim(db)
    checkpoint(db, held, 190)  # of 210
    lose(db, clock)
    worker(db)

    share = 20 * 512**2 / (100 * 128**2 + 60 * 256**2 + 50 * 512**2)
    assert lasts(db, job_id) == pytest.approx(share * whole, rel=0.01)


def test_without_a_worker_or_a_pace_there_are_places_but_no_times(db, clock):
    job_id = submit(db)
    assert read_queue_state(db).run_slots == {}
    worker(db)

    line = read_queue_state(db)

    assert line.jobs_ahead == {job_id: 0}
    assert line.run_slots == {}


@ON_BOTH
def test_owners_share_the_line_as_the_claim_does(db, clock):
    mine = []
    for _ in range(2):
        clock.advance(1)
        mine.append(submit(db))
    clock.advance(1)
    theirs = submit(db, "own_b")

    foretold = sorted(read_queue_state(db).jobs_ahead.items(), key=lambda item: item[1])
    claimed = [claim(db, nonce).job_id for nonce in "abc"]

    assert [job_id for job_id, _ in foretold] == claimed == [mine[0], theirs, mine[1]]


def looked(db, seconds):
    """Let explorations have taken so long per picture."""
    each = [PaceMeasurement(0.01, seconds / 0.01)]
    record_paces(db, CPU, "explore vgg16 relu5_1", each)


def test_an_exploration_in_line_lasts_as_others_did(db, clock):
    learned(db)
    looked(db, 2.0)
    first = explore(db)
    clock.advance(1)
    second = submit(db)
    worker(db)

    assert lasts(db, first) == pytest.approx(9 * 2.0)
    assert read_queue_state(db).run_slots[second].starts.seconds == pytest.approx(
        9 * 2.0
    )


def test_when_an_exploration_ends_is_unknown_where_none_was_measured(db, clock):
    learned(db)
    first = explore(db)
    clock.advance(1)
    second = submit(db)
    worker(db)

    state = read_queue_state(db)

    assert list(state.run_slots) == [second]
    assert state.jobs_ahead == {first: 0, second: 1}


def test_what_is_left_of_a_running_exploration_comes_first(db, clock):
    learned(db)
    looked(db, 2.0)
    first = explore(db)
    clock.advance(1)
    waits = submit(db)
    worker(db)
    held = claim(db)
    assert held.job_id == first
    assert read_queue_state(db).run_slots[waits].starts.seconds == pytest.approx(
        9 * 2.0
    )

    said = {"scale": 0, "scale_iteration": 5, "phase": "looking"}
    said |= {"iteration_seconds": [3.0]}
    renew_lease(db, held, 1000, 5, said)

    assert read_queue_state(db).run_slots[waits].starts.seconds == pytest.approx(
        4 * 3.0
    )
