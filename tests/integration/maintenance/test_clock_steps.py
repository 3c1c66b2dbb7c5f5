"""The clock of the database is set back or forward: nothing waits for it to return."""

from __future__ import annotations

import pytest

from shared.errors import DeviceTaken, IdempotencyInProgress
from shared.idempotency import begin_request
from shared.jobs.lease import fail_job, renew_lease
from shared.maintenance.leader import acquire_leadership
from shared.maintenance.loop import LEADERSHIP_ROUNDS, TASK, MaintenanceLoop
from shared.maintenance.rescue import delete_stale_workers, find_jobs_to_notify
from shared.queries.jobs import read_live_workers
from shared.settings import Settings
from shared.states import JobState
from shared.storage import Storage
from shared.workers.registry import (
    Registration,
    heartbeat_worker,
    list_workers,
    register_worker,
)
from tests.support.job_rows import BROKEN, LEASE, claim, row, submit

HOUR = 3600.0
ROUND = 5.0
STEPS = [-HOUR, -1.3 * LEASE, -1.0, LEASE, HOUR]
LEAD = LEADERSHIP_ROUNDS * ROUND
ON_DATABASES = [
    *(("sqlite", step) for step in STEPS),
    ("postgresql", -HOUR),
]


@pytest.fixture
def host_clock(clock):
    return type(clock)()


@pytest.fixture
def pass_time(clock, host_clock):
    """Lets time pass on both clocks."""

    def advance(seconds):
        clock.advance(seconds)
        host_clock.advance(seconds)

    return advance


@pytest.fixture
def make_maintenance(db, tmp_path, host_clock):
    def make(**settings):
        values = {"lease_seconds": LEASE, "rescue_seconds": ROUND} | settings
        storage = Storage(tmp_path / "blobs")
        settings = Settings(home=tmp_path, **values)
        return MaintenanceLoop(db, SilentNotifier(), storage, settings, host_clock)

    return make


class SilentNotifier:
    """Stands for a Redis that takes every notification."""

    def notify(self, job_id, device_class):
        return True

    def pending_count(self, device_class):
        return 0


def run_rounds(maintenance, pass_time, seconds):
    for _ in range(round(seconds / ROUND)):
        pass_time(ROUND)
        maintenance.run_once()


@pytest.mark.parametrize(
    ("database_url", "step"), ON_DATABASES, indirect=["database_url"]
)
def test_a_dead_workers_job_is_rescued_soon_after_a_step(
    db, clock, make_maintenance, pass_time, step
):
    maintenance = make_maintenance()
    run_rounds(maintenance, pass_time, LEASE + ROUND)
    job_id = submit(db)
    claim(db)
    clock.advance(step)

    run_rounds(maintenance, pass_time, 2 * LEASE + 2 * ROUND)

    assert row(db, job_id).state == JobState.QUEUED


@pytest.mark.parametrize(
    ("database_url", "step", "since_heartbeat"),
    [
        *((database, step, 2.0) for database, step in ON_DATABASES),
        *(("sqlite", step, 0.0) for step in (-1.3 * LEASE, LEASE)),
    ],
    indirect=["database_url"],
)
def test_a_live_worker_keeps_its_job_through_a_step(
    db, clock, make_maintenance, pass_time, step, since_heartbeat
):
    maintenance = make_maintenance()
    run_rounds(maintenance, pass_time, LEASE + ROUND)
    job_id = submit(db)
    claimed = claim(db)
    pass_time(since_heartbeat)
    clock.advance(step)

    maintenance.run_once()  # before the worker can renew its lease
    for _ in range(10):
        pass_time(4.0)
        renew_lease(db, claimed, LEASE, 1, {})
        maintenance.run_once()

    assert row(db, job_id).fence == claimed.fence


def test_a_clock_of_the_host_that_is_set_back_delays_no_rescue(
    db, host_clock, make_maintenance, pass_time
):
    maintenance = make_maintenance()
    host_clock.time = lambda: 0.0
    job_id = submit(db)
    claim(db)

    run_rounds(maintenance, pass_time, LEASE + 2 * ROUND)

    assert row(db, job_id).state == JobState.QUEUED


def test_rounds_further_apart_than_a_lease_rescue_too(db, make_maintenance, pass_time):
    maintenance = make_maintenance(rescue_seconds=2 * LEASE)
    job_id = submit(db)
    claim(db)

    for _ in range(2):
        pass_time(2 * LEASE)
        maintenance.run_once()

    assert row(db, job_id).state == JobState.QUEUED


def test_a_lease_lasts_as_long_as_its_worker_has_set(db, make_maintenance, pass_time):
    maintenance = make_maintenance(lease_seconds=6.0)
    run_rounds(maintenance, pass_time, LEASE + ROUND)
    job_id = submit(db)
    claim(db)  # for five times as long as the leader's own setting

    run_rounds(maintenance, pass_time, LEASE - ROUND)

    assert row(db, job_id).state == JobState.RUNNING


def test_another_leads_soon_where_the_leader_died_before_a_step_back(
    db, clock, make_maintenance, pass_time
):
    acquire_leadership(db, TASK, "dead", LEAD)
    job_id = submit(db)
    claim(db)
    clock.advance(-HOUR)
    maintenance = make_maintenance()

    run_rounds(maintenance, pass_time, LEAD)
    assert not acquire_leadership(db, TASK, "third", LEAD)

    run_rounds(maintenance, pass_time, LEASE)
    assert row(db, job_id).state == JobState.QUEUED


def test_a_leadership_that_would_last_longer_than_a_new_one_is_over(db, clock):
    """Only a clock that was set back can be the reason."""
    acquire_leadership(db, TASK, "dead", LEAD)
    clock.advance(-0.5)  # as the times of simultaneous transactions may differ
    assert not acquire_leadership(db, TASK, "next", LEAD)

    clock.advance(-1)
    assert acquire_leadership(db, TASK, "next", LEAD)


def test_a_pause_after_a_failure_ends_after_a_step_back(
    db, clock, make_maintenance, pass_time
):
    job_id = submit(db)
    fail_job(db, claim(db), BROKEN, retry_seconds=10)
    clock.advance(-HOUR)

    run_rounds(make_maintenance(), pass_time, 2 * ROUND)

    assert row(db, job_id).ready_key is not None


def test_workers_are_notified_again_after_a_step_back(db, clock, make_maintenance):
    job_id = submit(db)
    make_maintenance().run_once()
    clock.advance(-HOUR)

    assert [due.job_id for due in find_jobs_to_notify(db, 10, 5)] == [job_id]


def test_a_worker_that_died_before_a_step_back_counts_as_dead(db, clock):
    def register(worker_id):
        names = (worker_id, "host", "cpu-0", "cpu", "CPU", 2**33, {})
        register_worker(db, Registration(*names))

    register("wkr_dead")
    with pytest.raises(DeviceTaken):
        register("wkr_new")
    clock.advance(-HOUR)
    assert [worker.state for worker in list_workers(db)] == ["dead"]
    assert read_live_workers(db) == []

    register("wkr_new")
    clock.advance(-HOUR)
    heartbeat_worker(db, "wkr_new", None)
    assert [worker.id for worker in read_live_workers(db)] == ["wkr_new"]

    clock.advance(-2 * 24 * HOUR)
    delete_stale_workers(db)
    assert list_workers(db) == []


def test_a_request_whose_server_died_before_a_step_back_can_be_sent_again(db, clock):
    submit(db)
    begin_request(db, "own_a", "POST /v1/jobs", "key", "same")
    with pytest.raises(IdempotencyInProgress):
        begin_request(db, "own_a", "POST /v1/jobs", "key", "same")
    clock.advance(-HOUR)

    request = begin_request(db, "own_a", "POST /v1/jobs", "key", "same")

    assert request.holder
