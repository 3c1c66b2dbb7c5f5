"""Real worker processes that are of no use any more, or have no place."""

from __future__ import annotations

import json
import os
import time

from shared.states import JobState
from shared.workers.registry import list_workers
from tests.support.farm import LONG, SHORT
from tests.support.processes import PATIENCE_SECONDS, wait_until

RESTART, UNUSABLE = 75, 78


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
    worker = start_strange(farm, "deaf", IMPASTO_WATCHDOG_SECONDS="1")
    wait_until(lambda: present(farm))
    job_id = farm.submit(**SHORT)

    assert worker.wait(PATIENCE_SECONDS) == RESTART

    assert logged(farm, "worker_replaced")[0]["why"] == "it ignores notifications"
    assert farm.job(job_id).state == JobState.QUEUED
    assert list_workers(farm.db) == []


def test_a_job_that_hung_and_then_met_a_broken_device_is_done_by_a_third_worker(farm):
    hung = start_strange(farm, "hung", IMPASTO_STALL_SECONDS="2")
    job_id = farm.submit(**LONG)
    held = farm.wait(job_id, lambda job: job.iteration > 0)

    broken = start_strange(farm, "broken", IMPASTO_RETRY_SECONDS="0.5")
    assert hung.wait(PATIENCE_SECONDS) == RESTART
    assert broken.wait(PATIENCE_SECONDS) == RESTART
    sound = farm.start_worker(module="worker.app")

    job = farm.wait_end(job_id)
    assert job.state == JobState.SUCCEEDED
    assert job.fence > held.fence + 2  # taken from the first, claimed by both others
    assert logged(farm, "job_stalled")
    assert [line["code"] for line in logged(farm, "attempt_failed")] == ["device-error"]
    assert sound.poll() is None


def test_a_place_is_taken_until_its_worker_is_killed_and_what_it_left_is_collected(
    farm,
):
    first = farm.start_worker(slot=7, module="worker.app")
    job = farm.wait_end(farm.submit(**SHORT))
    second = farm.start_worker(slot=7)
    assert second.wait(PATIENCE_SECONDS) == UNUSABLE
    (said,) = logged(farm, "worker_unusable")
    assert present(farm)[0].id in said["error"]
    assert "stop that worker first" in said["hint"]
    blocked = logged(farm, "worker_registration_blocked")
    assert first.poll() is None
    assert list(farm.settings.home.glob("heartbeat-*"))
    first.kill()
    first.wait()
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
    assert logged(farm, "worker_registration_blocked") == blocked
