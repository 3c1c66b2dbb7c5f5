"""Real worker processes that are of no use any more, or are told to drain."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from functools import partial

from shared.queue import Notifier
from shared.states import JobState, StateReason
from shared.workers.registry import list_workers, set_host_draining, set_worker_draining
from tests.support.farm import ROOT
from tests.support.processes import PATIENCE_SECONDS, wait_until

LONG = {"max_edge": 64, "schedule": ((48, 120), (64, 120))}
SHORT = {"max_edge": 64, "schedule": ((64, 5),)}
# Longer than the 5 s between two heartbeats of a registration, also on a fast CPU.
LONGER_THAN_A_HEARTBEAT = {"max_edge": 64, "schedule": ((48, 120), (64, 600))}
RESTART, UNUSABLE = 75, 78


def is_running(job):
    return job.state == JobState.RUNNING and job.iteration > 0


def start_strange(farm, trouble, **environment):
    return farm.start_worker(
        module="tests.support.faulty_worker", STRANGE=trouble, **environment
    )


def present(farm):
    return [entry for entry in list_workers(farm.db) if entry.state != "dead"]


def logged(farm, event):
    lines = (farm.settings.home / "log").read_text().splitlines()
    return [json.loads(line) for line in lines if f'"{event}"' in line]


def test_a_deaf_worker_is_replaced_once_a_job_was_due_for_so_long(farm):
    worker = start_strange(farm, "deaf", IMPASTO_WATCHDOG_SECONDS="2")
    wait_until(lambda: present(farm))
    time.sleep(3)
    assert worker.poll() is None  # nothing is due: it may be as deaf as it likes
    job_id = farm.submit(**SHORT)

    assert worker.wait(PATIENCE_SECONDS) == RESTART

    assert logged(farm, "worker_replaced")[0]["why"] == "it ignores notifications"
    assert farm.job(job_id).state == JobState.QUEUED
    assert list_workers(farm.db) == []
    farm.start_worker()
    assert farm.wait_end(job_id).state == JobState.SUCCEEDED


def test_a_hung_iteration_costs_the_lease_and_then_the_process(farm):
    hung = start_strange(farm, "hung", IMPASTO_STALL_SECONDS="2")
    job_id = farm.submit(**LONG)
    held = farm.wait(job_id, is_running)
    other = farm.start_worker()

    job = farm.wait_end(job_id)

    assert job.state == JobState.SUCCEEDED
    assert job.fence > held.fence
    assert hung.wait(PATIENCE_SECONDS) == RESTART
    assert logged(farm, "job_stalled")
    assert other.poll() is None


def test_a_broken_device_sends_its_job_elsewhere_and_ends_the_process(farm):
    broken = start_strange(farm, "broken", IMPASTO_RETRY_SECONDS="0.5")
    job_id = farm.submit(**LONG)
    farm.wait(job_id, is_running)
    farm.start_worker()

    assert broken.wait(PATIENCE_SECONDS) == RESTART

    job = farm.wait_end(job_id)
    assert job.state == JobState.SUCCEEDED
    assert job.fence > 1
    assert logged(farm, "attempt_failed")[0]["code"] == "device-error"


def test_a_second_worker_on_the_same_device_does_not_start(farm):
    first = farm.start_worker(slot=7)
    wait_until(lambda: present(farm))

    second = farm.start_worker(slot=7)

    assert second.wait(PATIENCE_SECONDS) == UNUSABLE
    (said,) = logged(farm, "worker_unusable")
    assert present(farm)[0].id in said["error"]
    assert "stop that worker first" in said["hint"]
    assert first.poll() is None
    assert farm.wait_end(farm.submit(**SHORT)).state == JobState.SUCCEEDED


def test_a_drained_worker_hands_its_job_over_exactly_and_takes_no_more(farm):
    worker = farm.start_worker()
    undisturbed = farm.wait_end(farm.submit(**LONGER_THAN_A_HEARTBEAT))
    job_id = farm.submit(**LONGER_THAN_A_HEARTBEAT)
    before = farm.wait(job_id, is_running)

    assert set_worker_draining(farm.db, before.worker_id, draining=True)

    job = farm.wait(job_id, lambda job: job.state == JobState.QUEUED)
    assert (job.state_reason, job.attempts) == (StateReason.RECOVERING, 0)
    assert job.checkpoint_iteration >= before.iteration
    farm.start_worker()
    ended = farm.wait_end(job_id)
    assert farm.result(ended) == farm.result(undisturbed)
    assert farm.wait_end(farm.submit(**SHORT)).state == JobState.SUCCEEDED
    assert worker.poll() is None
    states = {entry.id: entry.state for entry in list_workers(farm.db)}
    assert states.pop(before.worker_id) == "draining"
    assert list(states.values()) == ["alive"]


def test_a_drained_host_works_again_when_it_is_undrained_and_ends_when_drained(farm):
    worker = farm.start_worker()
    (entry,) = wait_until(lambda: present(farm))
    command = [sys.executable, "-m", "shared.commands.workers"]
    run = partial(subprocess.run, env=farm.environment(), cwd=ROOT)
    run([*command, "drain", "--host", entry.host], check=True)
    wait_until(lambda: logged(farm, "drain_requested"))
    time.sleep(1)
    job_id = farm.submit(**SHORT)
    time.sleep(2)
    assert farm.job(job_id).state == JobState.QUEUED
    notifier = Notifier(farm.settings)
    assert notifier.pending_count(None) > 0  # it leaves the notifications to others
    notifier.close()

    run([*command, "undrain", "--host", entry.host], check=True)

    assert farm.wait_end(job_id).state == JobState.SUCCEEDED
    set_host_draining(farm.db, entry.host, draining=True)
    wait_until(lambda: len(logged(farm, "drain_requested")) == 2)
    worker.terminate()
    assert worker.wait(PATIENCE_SECONDS) == 0
    assert list_workers(farm.db) == []


def test_a_worker_is_known_to_be_alive_even_while_its_database_is_away(farm):
    away = {"IMPASTO_DATABASE_URL": "postgresql+psycopg://x@/x?host=/nonexistent"}

    def codes():
        command = [sys.executable, "-m", "worker.health"]
        given = [{**farm.environment(), **more} for more in ({}, away)]
        return [
            subprocess.run(command, cwd=ROOT, env=each, check=False).returncode
            for each in given
        ]

    worker = farm.start_worker()
    wait_until(lambda: present(farm))
    assert codes() == [0, 0]

    worker.terminate()
    worker.wait(PATIENCE_SECONDS)
    (heartbeat_file,) = farm.settings.home.glob("heartbeat-*")
    os.utime(heartbeat_file, (0, 0))
    assert codes() == [1, 1]


def test_a_worker_takes_the_place_of_a_killed_one_and_collects_what_it_left(farm):
    worker = farm.start_worker(slot=7)
    job = farm.wait_end(farm.submit(**SHORT))
    worker.kill()
    worker.wait()
    blobs = farm.settings.home / "blobs"
    left = [f"checkpoints/{job.id}/1-9.safetensors", f"results/{job.id}/.1.png.0bad"]
    hours_ago = time.time() - 2 * 3600
    for key in (*left, job.result_key):
        farm.storage.put(key, (blobs / job.result_key).read_bytes())
        os.utime(blobs / key, (hours_ago, hours_ago))
    farm.storage.put(f"checkpoints/{job.id}/1-10.safetensors", b"young")

    farm.start_worker(slot=7, IMPASTO_ORPHAN_HOURS="1")

    wait_until(lambda: len(logged(farm, "orphan_deleted")) == len(left))
    found = {blob.key for blob in farm.storage.blobs()}
    assert not found & set(left)
    assert {job.result_key, f"checkpoints/{job.id}/1-10.safetensors"} <= found
    assert len(list_workers(farm.db)) == 1
    # It found that the process is gone, and did not wait until the row was stale.
    assert not logged(farm, "worker_registration_blocked")
