"""A database that is away while a job is painted costs waiting, and no work."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from shared.db.database import Database
from shared.db.models.jobs import JobSegment
from shared.jobs.actions import cancel
from shared.jobs.checkpoints import read_loss_history
from shared.jobs.steering import JobChange, update_job
from shared.maintenance.rescue import requeue_expired_leases
from shared.params.segments import Changes
from shared.states import JobState
from tests.integration.attempts.conftest import SMALL
from tests.support.farm import OWNER
from tests.support.fault_injection import Door
from tests.support.job_rows import BIGGER, checkpoints, claim, segments
from tests.support.processes import wait_until
from tests.support.sqlite_backups import copy_database
from worker.runner import Runner
from worker.watchdog import Watchdog

TWO_SCALES = {"max_edge": 64, "schedule": ((48, 3), (64, 4000))}
IMPATIENT = {
    "stall_seconds": 0.3,
    "lease_seconds": 0.3,
    "heartbeat_seconds": 0.02,
    "preview_seconds": 1000,
}


@pytest.fixture
def door(farm):
    return Door(farm.db)


@pytest.fixture
def worker(tools, door):
    """Makes the resources of a worker that stands before the door."""

    def make(mood=lambda verb, key: None, **settings):
        return replace(tools(mood, **{**IMPATIENT, **settings}), db=door)

    return make


@pytest.fixture
def run(door):
    """Runs one job in a thread; lets it end with the test."""
    threads = []

    def start(runner):
        thread = threading.Thread(target=runner.run_one)
        thread.start()
        threads.append(thread)
        return thread

    yield start
    door.is_away = False
    for thread in threads:
        thread.join()


def shut_at(door, prefix, ending=""):
    """Shut the door as soon as such a blob is about to be stored, once."""
    left = [True]

    def mood(verb, key):
        if verb == "put" and key.startswith(prefix) and key.endswith(ending) and left:
            left.clear()
            door.is_away = True

    return mood


def unnamed(farm):
    """Keys of the stored checkpoints that no row names."""
    named = {row.key for row in checkpoints(farm.db)}
    stored = {blob.key for blob in farm.storage.blobs()}
    return {key for key in stored - named if key.startswith("checkpoints/")}


def test_a_picture_finished_in_a_long_outage_is_recorded_by_the_same_attempt(
    farm, worker, door, run
):
    """However short the stall limit is, and though the lease ran out meanwhile."""
    job_id = farm.submit(notify=False, **SMALL)
    context = worker(shut_at(door, "results/"))
    runner = Runner(context)
    watchdog = Watchdog(context, runner, lambda: True)
    working = run(runner)
    wait_until(lambda: door.is_away)

    ends_at = time.monotonic() + 1.5  # stall limit and two leases: 0.9 s
    while time.monotonic() < ends_at:
        stalled = runner.lease is not None and runner.lease.stalled_seconds
        assert watchdog.check() is None, stalled
        time.sleep(0.05)
    door.is_away = False
    working.join()

    job = farm.job(job_id)
    assert (job.state, job.fence, job.attempts) == (JobState.SUCCEEDED, 1, 1)


@pytest.mark.parametrize("first_loss", ["refused", "answer lost"])
def test_what_was_made_in_an_outage_is_whole_afterwards(
    farm, worker, door, run, first_loss
):
    """Checkpoints to go on from, the losses; and little is stored in the meantime."""
    job_id = farm.submit(notify=False, keep_every=1, **SMALL)
    counts = []

    def mood(verb, key):
        if verb != "put":
            return
        if key.endswith("-3.safetensors"):
            if first_loss == "refused":
                door.is_away = True
            else:
                door.loses = lambda: checkpoints(farm.db, job_id)[-1].iteration == 3
        if key.endswith("-4.safetensors"):
            door.is_away, door.loses = True, lambda: False
        if key.startswith(("checkpoints/", "results/")):
            counts.append(len(unnamed(farm)))

    run(Runner(worker(mood)))
    wait_until(lambda: len(counts) == 9)  # 8 iterations and the result
    assert max(counts) <= 2, "the first, which may have a row, and the newest"
    door.is_away = False

    assert farm.wait_end(job_id).state == JobState.SUCCEEDED
    job = farm.job(job_id)
    assert job.checkpoint_iteration == 8
    assert [point[0] for point in read_loss_history(farm.db, job_id)] == list(
        range(1, 9)
    )
    wait_until(lambda: not unnamed(farm))
    stored = {blob.key for blob in farm.storage.blobs()}
    assert {row.key for row in checkpoints(farm.db)} <= stored


def test_a_checkpoint_of_the_outage_is_recorded_at_the_next_heartbeat(
    farm, worker, door, run
):
    """A worker that dies soon after loses what it painted since, not the outage."""
    job_id = farm.submit(notify=False, **TWO_SCALES)
    context = worker(
        shut_at(door, "checkpoints/", "-3.safetensors"), checkpoint_seconds=1000
    )
    run(Runner(context))
    wait_until(lambda: door.is_away)
    time.sleep(0.3)
    assert farm.job(job_id).checkpoint_iteration == 0

    door.is_away = False

    wait_until(lambda: farm.job(job_id).checkpoint_iteration == 3)
    assert farm.job(job_id).state == JobState.RUNNING
    cancel(farm.db, OWNER, job_id)


def test_a_job_that_another_worker_took_in_the_outage_is_left_to_it(
    farm, worker, door, run
):
    job_id = farm.submit(notify=False, **SMALL)
    working = run(Runner(worker(shut_at(door, "results/"))))
    wait_until(lambda: door.is_away)
    later = Database(
        farm.settings.database_url, lambda: farm.job(job_id).lease_until + 1
    )
    assert requeue_expired_leases(later) == [(job_id, JobState.QUEUED)]
    later.close()

    door.is_away = False
    working.join()

    job = farm.job(job_id)
    assert (job.state, job.fence, job.result_key) == (JobState.QUEUED, 2, None)
    assert not [b.key for b in farm.storage.blobs() if b.key.startswith("results/")]


def test_a_paused_job_goes_on_from_where_it_was_in_the_outage(farm, worker, door, run):
    job_id = farm.submit(notify=False, **TWO_SCALES)
    context = worker(checkpoint_seconds=1000)
    working = run(Runner(context))
    farm.wait(job_id, lambda job: job.iteration > 10)
    door.is_away = True
    time.sleep(0.3)

    context.draining.set()
    time.sleep(0.5)
    door.is_away = False
    working.join()

    job = farm.job(job_id)
    assert job.state == JobState.QUEUED
    assert job.checkpoint_iteration > 10


def test_a_claim_whose_answer_was_lost_is_not_claimed_twice(farm, worker, door):
    job_id = farm.submit(notify=False, **SMALL)
    answers = [True]  # the first one is lost
    door.loses = lambda: bool(answers) and answers.pop()

    assert Runner(worker(lease_seconds=60)).run_one()

    job = farm.job(job_id)
    assert (job.state, job.attempts) == (JobState.SUCCEEDED, 1)


def test_a_change_whose_answer_was_lost_is_painted_from_where_the_row_says(
    farm, worker, door
):
    job_id = farm.submit(notify=False, **SMALL)
    lost = []

    def ask(verb, key):
        if verb == "put" and key.endswith("-1.safetensors") and not lost:
            change = JobChange(Changes(style_weight=100))
            update_job(farm.db, OWNER, job_id, change)
            time.sleep(0.1)  # so that a heartbeat brings it

    def loses():
        ((began, _),) = segments(farm.db, job_id) or ((None, None),)
        if began is None or lost:
            return False
        lost.append(began)
        return True

    door.loses = loses
    runner = Runner(worker(ask))
    runner.run_one()
    replay_id = farm.submit(notify=False, **SMALL)
    ((began, changes),) = segments(farm.db, job_id)
    with farm.db.write() as session:
        row = JobSegment(job_id=replay_id, from_iteration=began, changes=changes)
        session.add(row)
    runner.run_one()

    assert lost == [began]
    job, replay = farm.job(job_id), farm.job(replay_id)
    assert job.state == replay.state == JobState.SUCCEEDED
    assert farm.result(job) == farm.result(replay)


def test_a_worker_of_before_a_restore_leaves_the_claim_and_the_blobs_of_another_alone(
    farm, tools, tmp_path
):
    """Both have the same fence: the restored database had forgotten the first."""
    job_id = farm.submit(notify=False, keep_every=1, **SMALL)
    copy_database(farm.db.url.database, tmp_path / "backup")
    others = []

    def restore(verb, key):
        if verb == "put" and key.endswith("-3.safetensors") and not others:
            copy_database(tmp_path / "backup", farm.db.url.database)
            others.append(claim(farm.db, "other", BIGGER))
            for name in ("checkpoints", "results"):
                for ending in ("-3.safetensors", ".png"):
                    stem = f"{name}/{job_id}/{others[0].key_stem}"
                    farm.storage.put(f"{stem}{ending}", b"another's")

    Runner(tools(restore, preview_seconds=1000)).run_one()

    job, (other,) = farm.job(job_id), others
    assert (job.state, job.fence) == (JobState.RUNNING, other.fence)
    assert job.worker_id == BIGGER.worker_id
    assert checkpoints(farm.db, job_id) == []
    left = [blob.key for blob in farm.storage.blobs() if other.key_stem in blob.key]
    assert [farm.storage.get(key) for key in left] == [b"another's"] * 4
