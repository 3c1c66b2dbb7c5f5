"""Versions: whatever changes the job object, at any turn of a job, is a new one."""

from __future__ import annotations

import pytest

from shared.assets import NewAsset, remove_asset, store_asset
from shared.jobs.actions import cancel, pause, resume
from shared.jobs.checkpoints import (
    add_warning,
    discard_newer_checkpoints,
    keep_last_checkpoint,
    record_checkpoint,
)
from shared.jobs.deletion import purge_job
from shared.jobs.lease import WrittenBlob, stop_job
from shared.jobs.retention import (
    drop_expired_checkpoints,
    drop_expired_results,
    thin_kept_checkpoints,
)
from shared.jobs.steering import JobChange, begin_segments, update_job
from shared.jobs.submit import LOCAL_OWNER_ID
from shared.maintenance.rescue import mark_notified, wake_backed_off_jobs
from shared.params.segments import Changes
from shared.queries.jobs import read_inputs
from shared.queries.listing import query_jobs
from shared.workers.registry import deregister_worker

OWNER = LOCAL_OWNER_ID


class Turns:
    """Compares the object of a job with that before, after each turn of its life."""

    def __init__(self, api, job_id):
        self.api, self.job_id = api, job_id
        self.url, self.last = f"/v1/jobs/{job_id}", None

    def check(self, *, changed=True):
        response = self.api.client.get(self.url)
        job = response.json
        version = job.pop("version")
        assert response.headers["ETag"] == f'W/"{version}"'
        seen = {"If-None-Match": response.headers["ETag"]}
        again = self.api.client.get(self.url, headers=seen)
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers.get("Retry-After") == response.headers.get("Retry-After")
        del job["queue"]
        if self.last is not None:
            old_job, old_version = self.last
            assert (job != old_job) is changed
            assert (version > old_version) is changed
        self.last = job, version


@pytest.fixture
def turns(api, clock):
    api.submitted()
    clock.advance(1)
    submitted = api.submit(params={"max_edge": 512}, keep_every="10")
    return Turns(api, submitted.json["id"])


def store_checkpoint(api, claim, iteration):
    key = f"checkpoints/{claim.job_id}/{claim.fence}-{iteration}"
    record_checkpoint(api.db, claim, iteration, WrittenBlob(key, "ab" * 32, 5), 1)


def wait_in_line(api, turns):
    first = query_jobs(api.db, OWNER, 10)[-1].id
    turns.check()
    api.worker()
    turns.check(changed=False)
    mark_notified(api.db, turns.job_id)
    turns.check(changed=False)
    cancel(api.db, OWNER, first)
    turns.check(changed=False)  # only its place


def run_and_show(api, turns):
    claim = api.claimed()
    turns.check()
    api.beat(claim, scale=0, scale_iteration=0, iteration=0)
    turns.check()
    api.beat(claim, scale=2, scale_iteration=30, iteration=0)
    turns.check()
    api.beat(claim, scale=2, scale_iteration=30, iteration=100)
    turns.check()
    api.beat(claim, scale=2, scale_iteration=30, iteration=100, phase="finishing")
    turns.check()
    api.frame(claim, 100)
    turns.check()
    for iteration in (100, 110, 120, 130):
        store_checkpoint(api, claim, iteration)
        turns.check()
    discard_newer_checkpoints(api.db, claim, 120)
    turns.check()
    add_warning(api.db, claim, "computed-in-tiles", "in tiles")
    turns.check()
    deregister_worker(api.db, "wkr_1")
    turns.check()
    api.worker()
    turns.check()
    return claim


def be_changed_and_paused(api, turns, claim):
    for attributes in ({"name": "a name"}, {"tags": ["x"]}, {"priority": 1}):
        update_job(api.db, OWNER, claim.job_id, JobChange(attributes=attributes))
        turns.check()
    wanted = JobChange(params=Changes(style_weight=3.0))
    update_job(api.db, OWNER, claim.job_id, wanted)
    turns.check()
    begin_segments(api.db, claim, 120)
    turns.check()
    pause(api.db, OWNER, claim.job_id)
    turns.check()
    stop_job(api.db, claim)
    turns.check()
    resume(api.db, OWNER, claim.job_id)
    turns.check()


def fail_and_succeed(api, turns, clock):
    again = api.claimed("again")
    turns.check()
    api.fail(again, retryable=True)
    turns.check()
    clock.advance(3600)
    wake_backed_off_jobs(api.db)
    turns.check()
    last = api.claimed("last")
    api.beat(last)
    api.finish(last)
    turns.check()


def be_forgotten(api, turns, clock):
    thin_kept_checkpoints(api.db, 10)
    turns.check()
    keep_last_checkpoint(api.db, turns.job_id)
    turns.check()
    asset = read_inputs(api.db, turns.job_id)[0][1]
    remove_asset(api.db, OWNER, asset.id)
    turns.check()
    restored = NewAsset(OWNER, asset.digest, "assets/again", 3, "image/png", 8, 8)
    assert store_asset(api.db, restored).id == asset.id
    turns.check()
    clock.advance(10 * 86_400)
    drop_expired_checkpoints(api.db, 1)
    turns.check()
    drop_expired_results(api.db, 1)
    turns.check()
    purge_job(api.db, OWNER, turns.job_id)
    assert api.client.get(turns.url).status_code == 410


def test_whatever_changes_the_job_object_is_a_new_version(api, turns, clock):
    wait_in_line(api, turns)
    claim = run_and_show(api, turns)
    be_changed_and_paused(api, turns, claim)
    fail_and_succeed(api, turns, clock)
    be_forgotten(api, turns, clock)
