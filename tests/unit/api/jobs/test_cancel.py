from __future__ import annotations

import pytest

from shared.jobs.checkpoints import record_checkpoint
from shared.jobs.deletion import purge_canceled_jobs
from shared.jobs.lease import WrittenBlob, stop_job
from shared.maintenance.loop import MaintenanceLoop


def test_a_waiting_job_is_canceled_at_once(api):
    job_id = api.submitted()

    for _ in range(2):  # twice is harmless
        response = api.client.post(f"/v1/jobs/{job_id}/cancel")
        assert (response.status_code, response.json["state"]) == (200, "canceled")


def test_a_running_job_is_canceled_when_its_worker_obeys(api):
    job_id = api.submitted()
    api.claimed()

    response = api.client.post(f"/v1/jobs/{job_id}/cancel")

    assert (response.status_code, response.json["state"]) == (202, "canceling")
    assert response.headers["Retry-After"]


def cancel(api, job_id, **body):
    return api.client.post(f"/v1/jobs/{job_id}/cancel", json=body)


def kinds_of_blobs(api):
    return {blob.key.partition("/")[0] for blob in api.storage.blobs()}


def test_a_waiting_job_that_is_purged_is_gone_at_once(api):
    job_id = api.submitted()

    response = cancel(api, job_id, purge=True)

    assert (response.status_code, response.data) == (204, b"")
    gone = api.client.get(f"/v1/jobs/{job_id}")
    assert (gone.status_code, gone.json["code"]) == (410, "purged")
    assert api.client.get("/v1/queue").json["queued"] == 0


def test_a_running_job_that_is_purged_goes_when_its_worker_has_let_go(api):
    job_id = api.submitted()
    claim = api.claimed()
    api.frame(claim)

    response = cancel(api, job_id, purge=True)

    assert (response.status_code, response.json["state"]) == (202, "canceling")
    assert purge_canceled_jobs(api.db) == []
    stop_job(api.db, claim)
    keys = purge_canceled_jobs(api.db)
    assert keys == [f"frames/{job_id}/100.jpg"]
    assert api.client.get(f"/v1/jobs/{job_id}").status_code == 410
    assert purge_canceled_jobs(api.db) == []


def test_what_is_being_deleted_is_neither_tried_again_nor_forked(api):
    job_id = api.submitted()
    claim = api.claimed()
    record_checkpoint(api.db, claim, 100, WrittenBlob("checkpoints/1", "ab", 7), 1)
    cancel(api, job_id, purge=True)
    stop_job(api.db, claim)

    shown = api.client.get(f"/v1/jobs/{job_id}").json
    answers = [
        api.client.post(f"/v1/jobs/{job_id}/retry", json={}),
        api.client.post(f"/v1/jobs/{job_id}/fork", json={"from": {"iteration": 100}}),
    ]

    assert (shown["state"], shown["allowed_actions"]) == ("canceled", [])
    for response in answers:
        assert (response.status_code, response.json["code"]) == (409, "invalid-state")
        assert "being deleted" in response.json["detail"]


def test_the_leader_deletes_what_a_purged_job_has_made(api):
    cancel(api, api.submitted(), purge=True)
    job_id = api.submitted()
    claim = api.claimed()
    api.frame(claim)
    cancel(api, job_id, purge=True)
    stop_job(api.db, claim)

    MaintenanceLoop(api.db, api.notifier, api.storage, api.settings).run_once()

    assert kinds_of_blobs(api) == {"assets"}


def test_a_purge_can_be_asked_for_later(api):
    job_id = api.submitted()
    claim = api.claimed()
    assert cancel(api, job_id).status_code == 202
    assert cancel(api, job_id, purge=True).status_code == 202
    assert cancel(api, job_id, purge=True).status_code == 202
    stop_job(api.db, claim)

    assert cancel(api, job_id, purge=True).status_code == 204
    assert cancel(api, job_id, purge=True).status_code == 410


def test_without_it_a_canceled_job_is_kept(api):
    job_id = api.submitted()

    assert cancel(api, job_id, purge=False).status_code == 200
    assert purge_canceled_jobs(api.db) == []
    assert api.client.get(f"/v1/jobs/{job_id}").json["state"] == "canceled"


def test_a_job_that_has_succeeded_is_not_purged_by_canceling_it(api):
    job_id = api.submitted()
    api.finish(api.claimed())

    assert cancel(api, job_id, purge=True).status_code == 409
    assert api.client.get(f"/v1/jobs/{job_id}").status_code == 200


def test_what_a_child_goes_on_from_outlives_its_purged_parent(api):
    job_id = api.submitted()
    claim = api.claimed()
    key = f"checkpoints/{job_id}/1-100"
    record_checkpoint(api.db, claim, 100, WrittenBlob(key, "ab" * 32, 5), 1)
    fork = {"from": {"iteration": 100}}
    assert api.client.post(f"/v1/jobs/{job_id}/fork", json=fork).status_code == 202
    cancel(api, job_id, purge=True)
    stop_job(api.db, claim)

    assert key not in purge_canceled_jobs(api.db)


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume", "finish"])
def test_a_verb_reads_what_is_sent_to_it(api, verb):
    url = f"/v1/jobs/{api.submitted()}/{verb}"
    api.claimed()
    json, form = "application/json", "application/x-www-form-urlencoded"
    refused = [
        *((body, json, 422) for body in ('{"purgee": true}', '{"purge": "yes"}')),
        *((body, json, 400) for body in ("{", "[]")),
        ("purge=true", form, 415),
    ]

    for body, kind, status in refused:
        response = api.client.post(url, data=body, content_type=kind)
        assert response.status_code == status, body
    for body, kind in (("{}", json), ("", form)):
        response = api.client.post(url, data=body, content_type=kind)
        assert response.status_code == (200 if verb == "resume" else 202), body


def test_promote_takes_no_body_either(api):
    job_id = api.submitted()
    api.frame(api.claimed(), 1)
    url = f"/v1/jobs/{job_id}/frames/1/promote"

    response = api.client.post(url, json={"max_edge": 9})

    assert response.status_code == 422
    assert [one["pointer"] for one in response.json["errors"]] == ["/max_edge"]
