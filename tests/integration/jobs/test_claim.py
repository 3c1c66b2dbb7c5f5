"""Submitting and claiming, on both databases, by a clock that the test sets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from sqlalchemy import delete, insert, select, text, update

from shared.assets import NewAsset, add_asset
from shared.auth.api_keys import ensure_owner
from shared.db.database import Database
from shared.db.models.auth import Owner
from shared.db.models.jobs import Job, JobEvent, JobInput, JobSegment
from shared.errors import QueueFull
from shared.jobs.actions import cancel
from shared.jobs.claim import BlobRef, Device, has_due_job
from shared.jobs.lease import fail_job
from shared.jobs.submit import SubmissionLimits
from shared.maintenance.rescue import wake_backed_off_jobs
from shared.params.segments import Changes, Segment
from shared.states import JobState
from tests.support import job_rows
from tests.support.database_work import work_of
from tests.support.databases import ON_BOTH
from tests.support.job_rows import (
    BIGGER,
    BROKEN,
    DEVICE,
    LEASE,
    claim,
    columns,
    owner,
    row,
    submit,
)
from tests.support.processes import wait_until


def test_a_submitted_job_waits_with_its_parameters_filled_in(db):
    job = row(db, submit(db))

    assert (job.state, job.fence, job.attempts) == (JobState.QUEUED, 0, 0)
    assert job.params["schedule"] == [[128, 100], [256, 60], [512, 50]]
    assert owner(db).queued == 1


def test_equal_pictures_of_one_owner_are_one_asset(db):
    ensure_owner(db, "own_a")
    asset = NewAsset("own_a", "12" * 32, "assets/12", 3, "image/png", 8, 8)

    assert add_asset(db, asset) == add_asset(db, asset)


def test_neither_one_owner_nor_all_together_queue_more_than_allowed(db, monkeypatch):
    monkeypatch.setattr(job_rows, "LIMITS", SubmissionLimits(2, 3, max_attempts=4))
    submit(db)
    submit(db)
    with pytest.raises(QueueFull, match="2 of your jobs"):
        submit(db)
    submit(db, "own_b")

    with pytest.raises(QueueFull, match="3 jobs"):
        submit(db, "own_new")


def test_a_claim_takes_the_lease_and_raises_the_fence(db, clock):
    job_id = submit(db)

    claimed = claim(db)

    job = row(db, job_id)
    assert (claimed.job_id, claimed.fence, claimed.attempts) == (job_id, 1, 1)
    assert (job.state, job.fence, job.worker_id) == (JobState.RUNNING, 1, "wkr_1")
    assert job.lease_until == pytest.approx(clock.now + LEASE)
    assert (owner(db).queued, owner(db).running) == (0, 1)


def test_a_claim_whose_answer_was_lost_is_found_even_if_it_was_canceled(db):
    job_id = submit(db)
    first = claim(db, "nonce")
    cancel(db, "own_a", job_id)

    again = claim(db, "nonce")

    assert (again.job_id, again.fence) == (job_id, first.fence)


def test_the_claim_names_the_pictures_by_role(db):
    submit(db)

    claimed = claim(db)

    blob = BlobRef("assets/ab", "ab" * 32)
    assert claimed.inputs == {"content": {0: blob}, "style": {0: blob}}


def test_the_claim_tells_which_style_a_mask_belongs_to(db):
    submit(db, masked=(1, 4))

    masks = claim(db).inputs["mask"]

    assert sorted(masks) == [1, 4]


@ON_BOTH
def test_the_claim_brings_planned_changes_in_the_order_they_begin(db):
    late = Segment(from_iteration=90, changes=Changes(tv_weight=0.5))
    early = Segment(from_iteration=20, changes=Changes(iterations=80))
    job_id = submit(db, segments=(late, early))
    submit(db, segments=(late,))

    claimed = claim(db)

    assert claimed.job_id == job_id
    assert claimed.segments == (early, late)
    assert row(db, job_id).iterations == 100 + 60 + 80


def test_a_change_that_nobody_has_begun_is_none_of_the_claim(db):
    job_id = submit(db)
    with db.write() as session:
        pending = JobSegment(job_id=job_id, changes={"tv_weight": 0.5})
        session.add(pending)

    assert claim(db).segments == ()


@ON_BOTH
def test_jobs_are_claimed_oldest_first_and_urgent_ones_before(db, clock):
    first = submit(db)
    clock.advance(1)
    second = submit(db)
    clock.advance(1)
    urgent = submit(db, priority=1)

    assert [claim(db, n).job_id for n in "abc"] == [urgent, first, second]


def test_an_hour_of_waiting_outweighs_one_step_of_priority(db, clock):
    patient = submit(db)
    clock.advance(3601)
    submit(db, priority=1)

    assert claim(db).job_id == patient


@ON_BOTH
def test_the_owner_with_the_fewest_running_jobs_comes_first(db, clock):
    mine = [submit(db, "own_a"), submit(db, "own_a")]
    clock.advance(1)
    theirs = submit(db, "own_b")

    assert [claim(db, n).job_id for n in "abc"] == [mine[0], theirs, mine[1]]


@pytest.mark.parametrize(
    ("need", "fits"),
    [
        ({"need_bytes": 2**40}, False),
        ({"device_class": "cuda"}, False),
        ({"device_class": "cpu"}, True),
    ],
)
def test_a_worker_claims_only_what_fits_its_device(db, need, fits):
    submit(db, **need)

    assert (claim(db) is not None) is fits


@ON_BOTH
@pytest.mark.parametrize(
    "unfit",
    [
        {"need_bytes": 2**40},
        {"device_class": "cuda"},
        {"need_bytes": 2**33 + 1, "device_class": "cpu"},
    ],
)
def test_jobs_that_do_not_fit_keep_the_order_of_those_that_do(db, clock, unfit):
    submit(db, "own_a", **unfit)
    submit(db, "own_b", **unfit)
    clock.advance(1)
    small = submit(db, "own_b", need_bytes=2**33)
    clock.advance(1)
    later = [submit(db, "own_a", device_class="cpu"), submit(db, "own_a")]

    claimed = [claim(db, nonce).job_id for nonce in "abc"]

    assert claimed == [small, later[0], later[1]]
    assert claim(db, "d") is None
    assert not has_due_job(db, DEVICE)


@ON_BOTH
def test_a_job_that_excludes_a_device_is_passed_by_it_alone(db, clock):
    broken = Device("wkr_1", "cpu", 8 * 2**30, "broken")
    first = submit(db)
    fail_job(db, claim(db, device=broken), BROKEN, 0, "broken")
    wake_backed_off_jobs(db)
    clock.advance(1)
    second = submit(db)

    assert claim(db, "a", broken).job_id == second
    assert not has_due_job(db, broken)
    assert has_due_job(db, BIGGER)
    assert claim(db, "b", BIGGER).job_id == first


@ON_BOTH
@pytest.mark.parametrize(
    "unfit",
    [{"need_bytes": 2**40}, {"device_class": "cuda"}, {"excluded_device": "broken"}],
)
def test_a_claim_reads_no_more_behind_a_thousand_jobs_that_do_not_fit(db, unfit):
    device = Device("wkr_1", "cpu", 8 * 2**30, "broken")
    job = row(db, submit(db))
    _copy_job(db, job, 2, **unfit)
    with db.write() as session:
        session.execute(text("ANALYZE"))  # statistics are of a farm with little to do

    def find_nothing():
        assert claim(db, device=device) is None
        assert not has_due_job(db, device)

    few = work_of(db, find_nothing)
    _copy_job(db, job, 1000, **unfit)

    assert 0 < work_of(db, find_nothing) < 2 * few


def test_a_claim_that_waits_for_an_owner_holds_no_other(postgresql_url, clock):
    """Two claims that each held what the other waits for would be a deadlock."""
    with (
        closing(Database(postgresql_url, clock)) as db,
        ThreadPoolExecutor() as threads,
    ):
        submit(db, "own_a")
        clock.advance(1)
        theirs = submit(db, "own_b")
        with db.write() as second:
            second.execute(_lock_of("own_b"))
            with db.write() as first:
                first.execute(_lock_of("own_a"))
                claimed = threads.submit(claim, db)
                _wait_for_a_waiting_lock(db)
                limited = update(Owner).values(max_running=0)
                first.execute(limited.where(Owner.id == "own_a"))
            _wait_for_a_waiting_lock(db)
            second.execute(_lock_of("own_a"))
        assert claimed.result().job_id == theirs


def test_workers_that_choose_the_same_owner_all_get_a_job(postgresql_url, clock):
    workers = 8
    with (
        closing(Database(postgresql_url, clock)) as db,
        ThreadPoolExecutor(workers) as threads,
    ):
        waiting = {submit(db, f"own_{number}") for number in range(workers)}
        with db.write() as session:
            session.execute(select(Owner).with_for_update())
            claims = [threads.submit(claim, db, f"{n}") for n in range(workers)]
            _wait_for_a_waiting_lock(db, workers)
        assert {one.result().job_id for one in claims} == waiting


def _lock_of(owner_id):
    return select(Owner).where(Owner.id == owner_id).with_for_update(nowait=True)


def _wait_for_a_waiting_lock(db, count=1):
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with db.read() as session:
        wait_until(
            lambda: session.scalar(waiting) >= count, lambda: "nobody waits for a lock"
        )


def _copy_job(db, job, count, **changes):
    """Replace a job by many older ones."""
    values = {name: value for name, value in columns(job).items() if name != "demand"}
    with db.write() as session:
        for table in (JobEvent, JobInput, Job):
            session.execute(delete(table))
        session.execute(
            insert(Job),
            [
                {**values, **changes, "id": f"job_{n}", "ready_key": n / 100}
                for n in range(count)
            ],
        )
