"""Actions obeyed by real worker processes; the others are in `attempts`."""

from __future__ import annotations

import time

from shared.jobs.actions import pause, resume
from shared.jobs.steering import JobChange, update_job
from shared.jobs.submit import LOCAL_OWNER_ID as OWNER
from shared.states import JobState
from tests.support.farm import LONG, SHORT

ENDLESS = {"max_edge": 64, "schedule": ((64, 5000),)}


def is_running(job):
    return job.state == JobState.RUNNING and job.iteration > 0


def test_a_paused_and_resumed_job_ends_with_the_same_bytes(farm):
    farm.start_worker()
    plain = farm.wait_end(farm.submit(**LONG))
    job_id = farm.submit(**LONG)
    before = farm.wait(job_id, is_running)

    pause(farm.db, OWNER, job_id)
    paused = farm.wait(job_id, lambda job: job.state == JobState.PAUSED)

    assert paused.checkpoint_iteration >= before.iteration > 0
    assert farm.wait_end(farm.submit(**SHORT)).state == JobState.SUCCEEDED, "it is free"
    assert farm.job(job_id).state == JobState.PAUSED
    resume(farm.db, OWNER, job_id)
    job = farm.wait_end(job_id)
    assert (job.state, job.exact, job.attempts) == (JobState.SUCCEEDED, True, 1)
    assert farm.resumed_from(job_id) == [paused.checkpoint_iteration]
    assert farm.result(job) == farm.result(plain)


def test_a_job_resumed_at_once_is_never_stuck_whatever_the_worker_did(farm):
    farm.start_worker()
    job_id = farm.submit(**LONG)
    farm.wait(job_id, is_running)

    for _ in range(5):
        pause(farm.db, OWNER, job_id)
        time.sleep(0.3)
        resume(farm.db, OWNER, job_id)

    assert farm.wait_end(job_id).state == JobState.SUCCEEDED


def test_a_job_past_its_time_is_canceled_and_its_worker_free(farm):
    farm.start_worker()
    job_id = farm.submit(**ENDLESS)
    farm.wait(job_id, is_running)
    soon = {"cancel_after": farm.db.time() + 1}
    update_job(farm.db, OWNER, job_id, JobChange(attributes=soon))

    assert farm.wait_end(job_id).state == JobState.CANCELED
    assert farm.wait_end(farm.submit(**SHORT)).state == JobState.SUCCEEDED
