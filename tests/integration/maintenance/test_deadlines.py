"""Deadlines, pauses that are too long, and jobs that no device could ever hold."""

from __future__ import annotations

import pytest

from shared.db.models.jobs import Job
from shared.errors import Diverged
from shared.jobs.actions import pause, resume
from shared.jobs.lease import fail_job
from shared.maintenance.deadlines import cancel_overdue_jobs, expire_jobs
from shared.maintenance.loop import MaintenanceLoop
from shared.settings import Settings
from shared.states import JobState
from shared.storage import Storage
from tests.support.databases import ON_BOTH
from tests.support.job_rows import LEASE, claim, events, lose, owner, row, submit

OWNER = "own_a"
DAY = 86_400.0
NOW = 1_800_000_000.0


@ON_BOTH
def test_a_job_that_is_not_started_in_time_expires(db, clock):
    job_id = submit(db, start_deadline=NOW + 60)
    in_time = submit(db, start_deadline=NOW + 600)

    assert expire_jobs(db, 30) == []
    clock.advance(61)
    assert expire_jobs(db, 30) == [job_id]

    job = row(db, job_id)
    assert (job.state, job.finished_at) == (JobState.EXPIRED, clock.now)
    assert events(db, job_id) == ["submit", "expire"]
    assert owner(db).queued == 1
    assert claim(db).job_id == in_time


@ON_BOTH
def test_a_worker_that_comes_too_late_expires_the_job_and_takes_the_next(db, clock):
    late = submit(db, start_deadline=NOW + 60)
    following = submit(db)
    clock.advance(61)

    assert claim(db).job_id == following

    assert row(db, late).state == JobState.EXPIRED


def test_a_job_that_has_started_in_time_may_start_again_later(db, clock):
    job_id = submit(db, start_deadline=NOW + 60)
    claim(db)
    lose(db, clock)
    clock.advance(60)

    assert expire_jobs(db, 30) == []
    assert claim(db, "b").job_id == job_id


@ON_BOTH
def test_a_job_that_is_paused_for_too_long_expires(db, clock):
    job_id = submit(db)
    pause(db, OWNER, job_id)
    clock.advance(30 * DAY - 1)
    assert expire_jobs(db, 30) == []

    clock.advance(2)

    assert expire_jobs(db, 30) == [job_id]


def test_a_resumed_job_has_no_pause_to_expire_from(db, clock):
    job_id = submit(db)
    pause(db, OWNER, job_id)
    resume(db, OWNER, job_id)
    clock.advance(31 * DAY)

    assert expire_jobs(db, 30) == []
    assert row(db, job_id).paused_at is None


@ON_BOTH
@pytest.mark.parametrize(
    ("begin", "state"),
    [
        (lambda db, job_id: None, JobState.CANCELED),
        (lambda db, job_id: pause(db, OWNER, job_id), JobState.CANCELED),
        (lambda db, job_id: claim(db), JobState.CANCELING),
    ],
)
def test_a_job_that_is_not_done_in_time_is_canceled(db, clock, begin, state):
    job_id = submit(db, cancel_after=NOW + 60)
    begin(db, job_id)
    assert cancel_overdue_jobs(db) == []

    clock.advance(61)

    assert cancel_overdue_jobs(db) == [job_id]
    assert row(db, job_id).state == state
    assert cancel_overdue_jobs(db) == []


def test_a_job_that_was_done_in_time_stays_done(db, clock):
    job_id = submit(db, cancel_after=NOW + 60)
    fail_job(db, claim(db), Diverged("no number"), 1)
    clock.advance(61)

    assert cancel_overdue_jobs(db) == []
    assert row(db, job_id).state == JobState.FAILED


def test_the_leader_enforces_deadlines(db, clock, tmp_path):
    class FakeNotifier:
        def notify(self, job_id, device_class):
            return True

        def pending_count(self, device_class):
            return 0

    late = submit(db, start_deadline=NOW + 60)
    overdue = submit(db, cancel_after=NOW + 60)
    settings = Settings(home=tmp_path, lease_seconds=LEASE)
    clock.advance(61)

    storage = Storage(tmp_path / "blobs")
    MaintenanceLoop(db, FakeNotifier(), storage, settings, clock).run_once()

    with db.read() as session:
        states = {one: session.get(Job, one).state for one in (late, overdue)}
    assert states == {late: JobState.EXPIRED, overdue: JobState.CANCELED}
