from __future__ import annotations


def test_a_waiting_job_is_canceled_at_once(api):
    job_id = api.submitted()

    response = api.client.post(f"/v1/jobs/{job_id}/cancel")

    assert (response.status_code, response.json["state"]) == (200, "canceled")


def test_a_running_job_is_canceled_when_its_worker_obeys(api):
    job_id = api.submitted()
    api.claimed()

    response = api.client.post(f"/v1/jobs/{job_id}/cancel")

    assert (response.status_code, response.json["state"]) == (202, "canceling")
    assert response.headers["Retry-After"]


def test_canceling_twice_is_harmless(api):
    url = f"/v1/jobs/{api.submitted()}/cancel"
    api.client.post(url)

    assert api.client.post(url).status_code == 200


def test_a_finished_job_cannot_be_canceled_and_the_answer_says_what_can(api):
    job_id = api.submitted()
    api.finish(api.claimed())

    response = api.client.post(f"/v1/jobs/{job_id}/cancel")

    assert (response.status_code, response.json["code"]) == (409, "invalid-state")
    assert response.json["state"] == "succeeded"
    assert response.json["allowed_actions"] == []


def test_an_unknown_job_cannot_be_canceled(client):
    assert client.post("/v1/jobs/job_01JNONE/cancel").status_code == 404
