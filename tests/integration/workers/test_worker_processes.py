"""Real worker processes, killed and asked to leave in the middle of real jobs."""

from __future__ import annotations

import json
import signal
import time

import psutil

from shared.jobs.actions import cancel
from shared.jobs.submit import LOCAL_OWNER_ID
from shared.maintenance.rescue import mark_notified
from shared.states import JobState, StateReason
from shared.tracing import CURRENT_TRACE, parse_traceparent
from shared.workers.registry import list_workers
from tests.support.farm import LONG, SHORT
from tests.support.processes import PATIENCE_SECONDS

# For workers that a supervisor starts: they do not pause between passes.
UNPACED = {"max_edge": 64, "schedule": ((48, 120), (64, 120))}
ENDLESS = {"max_edge": 64, "schedule": ((64, 3000),)}


def has_checkpoint(job):
    return job.checkpoint_iteration > 0


def is_running(job):
    return job.state == JobState.RUNNING and job.iteration > 0


def test_a_killed_workers_job_ends_with_the_same_bytes(farm_on_both):
    farm = farm_on_both
    first = farm.start_worker()
    undisturbed = farm.wait_end(farm.submit(**LONG))
    job_id = farm.submit(**LONG)
    farm.wait(job_id, has_checkpoint)

    first.send_signal(signal.SIGKILL)
    first.wait()
    farm.start_worker()

    job = farm.wait_end(job_id)
    assert (job.state, job.exact) == (JobState.SUCCEEDED, True)
    assert job.fence > 1
    assert farm.resumed_from(job_id)[0] > 0
    assert farm.result(job) == farm.result(undisturbed)


def test_sigterm_hands_the_job_back_and_it_goes_on_exactly_elsewhere(farm):
    worker = farm.start_worker()
    undisturbed = farm.wait_end(farm.submit(**LONG))
    job_id = farm.submit(**LONG)
    before = farm.wait(job_id, is_running)

    worker.terminate()

    assert worker.wait(PATIENCE_SECONDS) == 0
    job = farm.job(job_id)
    assert (job.state, job.state_reason) == (JobState.QUEUED, StateReason.RECOVERING)
    assert job.attempts == 0
    assert before.iteration <= job.checkpoint_iteration < job.iterations
    farm.start_worker()
    job = farm.wait_end(job_id)
    assert (job.state, job.attempts) == (JobState.SUCCEEDED, 1)
    assert farm.resumed_from(job_id)[0] > 0
    assert farm.result(job) == farm.result(undisturbed)


def test_one_ring_is_enough_for_all_jobs_that_wait(farm):
    """The log of the worker names the trace of the last of them."""
    ids = [farm.submit(seed=seed, notify=False, **SHORT) for seed in (1, 2)]
    for job_id in ids:
        mark_notified(farm.db, job_id)  # and the ring was lost
    farm.start_worker(IMPASTO_RENOTIFY_SECONDS="600")
    trace = parse_traceparent(f"00-{'ab' * 16}-{'cd' * 8}-01")
    token = CURRENT_TRACE.set(trace)

    ids.append(farm.submit(seed=3, **SHORT))

    CURRENT_TRACE.reset(token)
    assert {farm.wait_end(job_id).state for job_id in ids} == {JobState.SUCCEEDED}
    lines = (farm.settings.home / "log").read_text().splitlines()
    begun = [json.loads(line) for line in lines if '"job_claimed"' in line]
    traces = {line["job_id"]: line.get("trace_id") for line in begun}
    assert traces[ids[-1]] == trace.trace_id


def test_a_fleet_of_two_runs_two_jobs_replaces_a_killed_worker_and_ends(farm):
    fleet = farm.start("worker.supervisor", "--devices", "cpu*2")
    ids = [farm.submit(seed=seed, **UNPACED) for seed in (1, 2)]
    held = [farm.wait(job_id, has_checkpoint) for job_id in ids]
    assert len({job.worker_id for job in held}) == 2
    first, _second = before = _children(fleet.pid)
    devices = sorted(entry.device for entry in list_workers(farm.db))
    assert devices[1] == f"{devices[0]}-1"

    first.kill()

    ended = [farm.wait_end(job_id) for job_id in ids]
    assert [job.state for job in ended] == [JobState.SUCCEEDED] * 2
    assert sorted(job.fence for job in ended) == [1, 3]
    after = _children(fleet.pid)
    assert len(after) == 2
    assert after != before
    fleet.terminate()
    assert fleet.wait(PATIENCE_SECONDS) == 0
    assert _children(fleet.pid) == []


def test_a_fleet_told_to_end_while_it_starts_a_worker_ends(farm):
    """SIGTERM at any moment of the start, also before the child is known."""
    for milliseconds in range(0, 400, 80):
        fleet = farm.start("worker.supervisor", "--devices", "cpu")
        time.sleep(milliseconds / 1000)
        fleet.terminate()
        fleet.wait(PATIENCE_SECONDS)


def test_the_workers_of_a_killed_fleet_end_in_good_order(farm):
    fleet = farm.start("worker.supervisor", "--devices", "cpu")
    job_id = farm.submit(**ENDLESS)
    farm.wait(job_id, is_running)
    children = _children(fleet.pid)

    fleet.kill()

    _gone, alive = psutil.wait_procs(children, PATIENCE_SECONDS)
    assert alive == []
    assert farm.job(job_id).state_reason == StateReason.RECOVERING


def test_jobs_survive_a_redis_that_is_flushed_or_away(farm, redis_server):
    flushed = farm.submit(**SHORT)
    redis_server.flush()
    redis_server.stop()
    farm.start_worker()
    early = farm.submit(**SHORT)
    redis_server.start()
    for job_id in (flushed, early):
        assert farm.wait_end(job_id).state == JobState.SUCCEEDED

    redis_server.stop()
    late = farm.submit(**SHORT)
    redis_server.start()

    assert farm.wait_end(late).state == JobState.SUCCEEDED


def test_canceling_a_running_job_frees_its_worker(farm):
    farm.start_worker()
    job_id = farm.submit(**LONG)
    farm.wait(job_id, is_running)

    cancel(farm.db, LOCAL_OWNER_ID, job_id)

    job = farm.wait(job_id, lambda job: job.state == JobState.CANCELED)
    assert job.result_key is None
    assert farm.wait_end(farm.submit(**SHORT)).state == JobState.SUCCEEDED


def test_a_worker_without_weights_says_which_command_fetches_them(farm, tmp_path):
    empty = tmp_path / "empty"
    worker = farm.start_worker(IMPASTO_WEIGHTS_DIR=str(empty))

    assert worker.wait(PATIENCE_SECONDS) == 78
    assert "impasto weights fetch" in (tmp_path / "log").read_text()


def _children(pid):
    try:
        return psutil.Process(pid).children()
    except psutil.NoSuchProcess:
        return []
