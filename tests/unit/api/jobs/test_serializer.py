"""What a job tells of its times, its ends and its checkpoints."""

from __future__ import annotations

from shared.jobs.actions import cancel, pause
from shared.jobs.lease import release_job, stop_job
from shared.jobs.submit import LOCAL_OWNER_ID
from shared.maintenance.deadlines import cancel_overdue_jobs, expire_jobs
from shared.maintenance.rescue import wake_backed_off_jobs
from tests.unit.api.jobs.test_links import keep

OWNER = LOCAL_OWNER_ID


def look(api, job_id):
    return api.client.get(f"/v1/jobs/{job_id}").json


def test_a_job_tells_since_when_it_waits(api, clock):
    job = api.submit().json
    assert job["queued_at"] == job["created_at"]
    claim = api.claimed()
    clock.advance(60)
    release_job(api.db, claim)

    waits = look(api, job["id"])
    assert waits["queued_at"] > waits["created_at"] == job["created_at"]


def test_a_checkpoint_is_told_with_its_time(api, clock):
    job_id = api.submitted()
    assert look(api, job_id)["last_checkpoint"] is None
    claim = api.claimed()
    clock.advance(5)
    keep(api, claim, 20)

    job = look(api, job_id)
    assert job["last_checkpoint"]["iteration"] == 20
    assert job["last_checkpoint"]["at"] == job["checkpoints"][0]["created_at"]


def test_an_error_is_told_with_its_iteration_and_its_attempt(api, clock):
    job_id = api.submitted()
    claim = api.claimed()
    api.beat(claim, iteration=33)
    api.fail(claim, retryable=True)

    error = look(api, job_id)["error"]
    assert (error["iteration"], error["attempt"]) == (33, 1)
    clock.advance(3600)
    wake_backed_off_jobs(api.db)
    api.claimed("again")  # where it is now says nothing of where it was then
    error = look(api, job_id)["error"]
    assert error is None or (error["iteration"], error["attempt"]) == (None, None)


def test_jobs_that_ran_out_of_time_say_so(api, clock):
    late = api.submit(start_deadline="100").json["id"]
    waiting = api.submit(cancel_after="100").json["id"]
    forgotten = api.submitted()
    pause(api.db, OWNER, forgotten)
    clock.advance(86_400 * 20)
    expire_jobs(api.db, 14)
    cancel_overdue_jobs(api.db)

    said = [look(api, one) for one in (late, waiting, forgotten)]
    assert [(one["state"], one["state_reason"]) for one in said] == [
        ("expired", "overdue"), ("canceled", "overdue"), ("expired", "paused_too_long")
    ]  # fmt: skip
    refused = api.client.get(f"/v1/jobs/{late}/result").json["detail"]
    assert "overdue" in refused


def test_so_does_one_that_its_worker_has_to_let_go_of_first(api, clock):
    job_id = api.submit(cancel_after="100").json["id"]
    claim = api.claimed()
    clock.advance(200)
    cancel_overdue_jobs(api.db)
    assert look(api, job_id)["state_reason"] == "overdue"

    stop_job(api.db, claim)

    job = look(api, job_id)
    assert (job["state"], job["state_reason"]) == ("canceled", "overdue")


def test_one_that_somebody_canceled_has_no_reason(api):
    job_id = api.submitted()
    claim = api.claimed()
    cancel(api.db, OWNER, job_id)
    stop_job(api.db, claim)

    assert look(api, job_id)["state_reason"] is None


def test_capabilities_tell_the_devices_of_live_workers(api, clock):
    first = api.client.get("/v1/capabilities")
    assert first.json["devices"] == []
    api.worker(device_class="cuda")
    seen = {"If-None-Match": first.headers["ETag"]}

    fresh = api.client.get("/v1/capabilities", headers=seen)

    assert fresh.status_code == 200
    (device,) = fresh.json["devices"]
    assert (device["device"], device["name"], device["workers"]) == ("cuda", "A CPU", 1)
    clock.advance(3600)
    assert api.client.get("/v1/capabilities").json["devices"] == []
