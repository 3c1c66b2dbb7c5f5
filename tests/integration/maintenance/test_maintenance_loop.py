"""The maintenance: one leads, what waits is notified of, what is lost comes back."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, text

from shared.db.database import Database
from shared.db.models.jobs import Job
from shared.errors import DatabaseUnavailable, EngineError
from shared.jobs.actions import cancel
from shared.jobs.lease import fail_job
from shared.maintenance.leader import acquire_leadership, release_leadership
from shared.maintenance.loop import MAX_PENDING_NOTIFICATIONS, MaintenanceLoop
from shared.maintenance.rescue import requeue_expired_leases
from shared.settings import Settings
from shared.states import JobState
from shared.storage import Storage
from tests.support.database_work import work_of
from tests.support.databases import ON_BOTH
from tests.support.job_rows import LEASE, claim, columns, row, submit


class FakeNotifier:
    """Counts notifications; stands for a Redis that works."""

    def __init__(self):
        self.notified = []

    def notify(self, job_id, device_class):
        self.notified.append(job_id)
        return True

    def pending_count(self, device_class):
        return 0


@pytest.fixture
def storage(tmp_path):
    return Storage(tmp_path / "blobs")


@pytest.fixture
def notifier():
    return FakeNotifier()


@pytest.fixture
def maintenance(db, notifier, storage, clock, tmp_path):
    settings = Settings(home=tmp_path, lease_seconds=LEASE)
    return MaintenanceLoop(db, notifier, storage, settings, clock)


@ON_BOTH
def test_only_one_process_leads_until_its_time_is_over(db, clock):
    assert acquire_leadership(db, "x", "a", 15)
    assert not acquire_leadership(db, "x", "b", 15)
    assert acquire_leadership(db, "x", "a", 15)
    clock.advance(16)
    assert acquire_leadership(db, "x", "b", 15)
    assert not acquire_leadership(db, "x", "a", 15)


def test_a_leader_that_stands_down_is_followed_at_once(db, clock):
    acquire_leadership(db, "x", "a", 15)
    release_leadership(db, "x", "a")
    clock.advance(0.001)

    assert acquire_leadership(db, "x", "b", 15)


@ON_BOTH
def test_a_waiting_job_is_notified_of_once_in_a_while(db, clock, maintenance, notifier):
    job_id = submit(db)

    maintenance.run_once()
    maintenance.run_once()
    assert notifier.notified == [job_id]

    clock.advance(11)
    maintenance.run_once()
    assert notifier.notified == [job_id] * 2


def test_a_full_list_of_notifications_gets_no_more(db, maintenance, notifier):
    submit(db)
    notifier.pending_count = lambda device_class: MAX_PENDING_NOTIFICATIONS

    maintenance.run_once()

    assert notifier.notified == []


def test_no_job_is_taken_away_before_workers_could_renew_their_leases(
    db, clock, storage
):
    job_id = submit(db)
    claim(db)
    clock.advance(LEASE - 1)
    fresh = MaintenanceLoop(
        db, FakeNotifier(), storage, Settings(lease_seconds=LEASE), clock
    )
    clock.advance(2)

    fresh.run_once()
    assert row(db, job_id).state == JobState.RUNNING

    clock.advance(LEASE)
    fresh.run_once()
    assert row(db, job_id).state == JobState.QUEUED


def test_no_job_is_taken_away_at_once_where_a_round_waited_for_the_database(
    db, clock, maintenance, monkeypatch
):
    """SQLite waits 5 s for a lock: the outage ends in mid-round, workers wait still."""
    submit(db)
    claimed = claim(db)
    maintenance.run_once()
    clock.advance(LEASE + 1)

    def wait_and_lead(*arguments):
        clock.advance(LEASE)
        return acquire_leadership(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr("shared.maintenance.loop.acquire_leadership", wait_and_lead)
        maintenance.run_once()
    assert row(db, claimed.job_id).state == JobState.RUNNING

    for _ in range(2):
        clock.advance(LEASE + 1)
        maintenance.run_once()
    assert row(db, claimed.job_id).state == JobState.QUEUED


@ON_BOTH
def test_a_pause_after_a_failure_ends_by_itself(db, clock, maintenance, notifier):
    job_id = submit(db)
    failure = EngineError("it broke")
    fail_job(db, claim(db), failure, 10)
    maintenance.run_once()
    assert notifier.notified == []

    clock.advance(11)
    maintenance.run_once()

    assert notifier.notified == [job_id]


def test_after_a_machine_slept_no_job_is_taken_away_at_once(db, clock, maintenance):
    job_id = submit(db)
    maintenance.run_once()
    clock.advance(LEASE + 1)
    maintenance.run_once()
    claim(db)

    clock.advance(3600)  # the lid was closed; workers had no way to say anything
    maintenance.run_once()

    assert row(db, job_id).state == JobState.RUNNING


def test_a_database_out_of_reach_is_told_as_such(tmp_path):
    missing = Database(f"sqlite:///{tmp_path}/no/such/folder.sqlite")

    with pytest.raises(DatabaseUnavailable, match="unable to open"):
        missing.ping()
    missing.close()


def test_a_rescue_reads_no_more_beside_a_thousand_ended_jobs(db):
    def copy_ended(count, first):
        ended = columns(row(db, job_id))
        del ended["demand"]  # the database computes it
        with db.write() as session:
            session.execute(
                insert(Job),
                [{**ended, "id": f"job_{first + n}"} for n in range(count)],
            )
            session.execute(text("ANALYZE"))

    job_id = submit(db)
    cancel(db, "own_a", job_id)
    copy_ended(2, 0)

    few = work_of(db, lambda: requeue_expired_leases(db))
    copy_ended(1000, 2)

    assert 0 < work_of(db, lambda: requeue_expired_leases(db)) < 2 * few
