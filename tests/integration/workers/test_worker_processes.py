"""Real worker processes, killed and asked to leave in the middle of real jobs."""

from __future__ import annotations

import json
import time

import psutil
import pytest
import redis

from shared.jobs.actions import pause, resume
from shared.maintenance.rescue import mark_notified
from shared.states import JobState, StateReason
from shared.tracing import CURRENT_TRACE, parse_traceparent
from shared.workers.registry import (
    list_workers,
    set_host_draining,
    set_worker_draining,
)
from tests.support.farm import OWNER, SHORT
from tests.support.processes import PATIENCE_SECONDS

# Of a paced worker: long enough to be interrupted four times.
LONGER = {"max_edge": 64, "schedule": ((48, 20), (64, 50))}
ENDLESS = {"max_edge": 64, "schedule": ((64, 3000),)}
UNPACED = "worker.app"


def is_running(job):
    return job.state == JobState.RUNNING and job.iteration > 0


def is_queued(job):
    return job.state == JobState.QUEUED


def goes_on_after(job):
    """Whether a job runs and has come further than it was."""
    return lambda now: is_running(now) and now.iteration > job.checkpoint_iteration


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_paused_drained_released_and_lost_job_ends_with_the_same_bytes(
    farm_on_both, redis_server
):
    """Each time it costs no attempt and goes on from its last iteration, or nearly."""
    farm = farm_on_both
    quick = farm.start_worker(module=UNPACED)
    undisturbed = farm.wait_end(farm.submit(**LONGER))
    quick.terminate()
    assert quick.wait(PATIENCE_SECONDS) == 0
    first = farm.start_worker()
    job_id = farm.submit(**LONGER)
    held = farm.wait(job_id, is_running)

    pause(farm.db, OWNER, job_id)
    paused = farm.wait(job_id, lambda job: job.state == JobState.PAUSED)
    assert paused.checkpoint_iteration >= held.iteration
    assert farm.wait_end(farm.submit(**SHORT)).state == JobState.SUCCEEDED, "it is free"
    assert farm.job(job_id).state == JobState.PAUSED
    resume(farm.db, OWNER, job_id)
    held = farm.wait(job_id, goes_on_after(paused))

    set_worker_draining(farm.db, held.worker_id, draining=True)
    drained = farm.wait(job_id, is_queued)
    assert (drained.state_reason, drained.attempts) == (StateReason.RECOVERING, 0)
    assert drained.checkpoint_iteration >= held.iteration
    first_time = farm.wait(job_id, lambda job: job.notified_at).notified_at
    farm.wait(job_id, lambda job: job.notified_at > first_time)
    assert is_queued(farm.job(job_id)), "the notification of it was left to others"

    second = farm.start_worker()
    held = farm.wait(job_id, goes_on_after(drained))
    second.terminate()
    assert second.wait(PATIENCE_SECONDS) == 0
    released = farm.job(job_id)
    assert (released.state, released.attempts) == (JobState.QUEUED, 0)
    assert released.checkpoint_iteration >= held.iteration

    (entry,) = list_workers(farm.db)
    assert (entry.state, first.poll()) == ("draining", None)
    set_host_draining(farm.db, entry.host, draining=False)
    farm.wait(job_id, goes_on_after(released))
    first.kill()
    first.wait()
    with redis.Redis.from_url(redis_server.url) as client:
        assert not [key for key in client.scan_iter() if b"acked" in key]
    farm.start_worker(module=UNPACED)

    ended = farm.wait_end(job_id)
    assert (ended.state, ended.exact) == (JobState.SUCCEEDED, True)
    *begun, last = farm.resumed_from(job_id)
    assert begun == [one.checkpoint_iteration for one in (paused, drained, released)]
    assert last >= released.checkpoint_iteration
    assert farm.result(ended) == farm.result(undisturbed)


def test_one_ring_is_enough_for_all_jobs_that_wait(farm):
    """The log of the worker names the trace of the last of them."""
    ids = [farm.submit(seed=seed, notify=False, **SHORT) for seed in (1, 2)]
    for job_id in ids:
        mark_notified(farm.db, job_id)  # and the ring was lost
    farm.start_worker(IMPASTO_RENOTIFY_SECONDS="600", module=UNPACED)
    trace = parse_traceparent(f"00-{'ab' * 16}-{'cd' * 8}-01")
    token = CURRENT_TRACE.set(trace)

    ids.append(farm.submit(seed=3, **SHORT))

    CURRENT_TRACE.reset(token)
    assert {farm.wait_end(job_id).state for job_id in ids} == {JobState.SUCCEEDED}
    lines = (farm.settings.home / "log").read_text().splitlines()
    begun = [json.loads(line) for line in lines if '"job_claimed"' in line]
    traces = {line["job_id"]: line.get("trace_id") for line in begun}
    assert traces[ids[-1]] == trace.trace_id


def test_a_fleet_replaces_a_killed_worker_and_its_workers_end_with_it(farm):
    fleet = farm.start("worker.supervisor", "--devices", "cpu")
    job_id = farm.submit(**ENDLESS)
    held = farm.wait(job_id, lambda job: job.checkpoint_iteration > 0)
    (first,) = _children(fleet.pid)

    first.kill()

    farm.wait(job_id, lambda job: job.fence == held.fence + 2 and is_running(job))
    (successor,) = _children(fleet.pid)
    assert successor != first
    fleet.kill()
    _gone, alive = psutil.wait_procs([successor], PATIENCE_SECONDS)
    assert alive == []
    assert farm.job(job_id).state_reason == StateReason.RECOVERING


def test_a_fleet_told_to_end_while_it_starts_a_worker_ends(farm):
    """SIGTERM at any moment of the start, also before the child is known."""
    for milliseconds in range(0, 400, 80):
        fleet = farm.start("worker.supervisor", "--devices", "cpu")
        time.sleep(milliseconds / 1000)
        fleet.terminate()
        fleet.wait(PATIENCE_SECONDS)


def test_jobs_survive_a_redis_that_is_flushed_or_away(farm, redis_server):
    flushed = farm.submit(**SHORT)
    redis_server.flush()
    redis_server.stop()
    farm.start_worker(module=UNPACED)
    early = farm.submit(**SHORT)
    redis_server.start()
    for job_id in (flushed, early):
        assert farm.wait_end(job_id).state == JobState.SUCCEEDED

    redis_server.stop()
    late = farm.submit(**SHORT)
    redis_server.start()

    assert farm.wait_end(late).state == JobState.SUCCEEDED


def test_a_worker_without_weights_says_which_command_fetches_them(farm, tmp_path):
    empty = tmp_path / "empty"
    worker = farm.start_worker(IMPASTO_WEIGHTS_DIR=str(empty))

    assert worker.wait(PATIENCE_SECONDS) == 78
    assert "impasto weights fetch" in (tmp_path / "log").read_text()


def _children(pid):
    return psutil.Process(pid).children()
