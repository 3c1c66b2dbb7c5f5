"""The verbs over HTTP: answers by state, bodies, preconditions, children."""

from __future__ import annotations

import pytest

from shared.jobs.checkpoints import record_checkpoint
from shared.jobs.lease import JobResult, WrittenBlob, complete_job


@pytest.fixture
def job_id(api):
    return api.submitted(max_edge=256)


@pytest.fixture
def ask(api):
    def ask(job_id, verb, **body):
        url = f"/v1/jobs/{job_id}/{verb}"
        return api.client.post(url, json=body) if body else api.client.post(url)

    return ask


@pytest.fixture
def change(api):
    def change(job_id, body, match=None, kind="application/merge-patch+json"):
        headers = {"If-Match": match} if match else {}
        url = f"/v1/jobs/{job_id}"
        return api.client.patch(url, json=body, headers=headers, content_type=kind)

    return change


def keep(api, claim, iteration):
    key = f"checkpoints/{claim.job_id}/{claim.fence}-{iteration}"
    api.storage.put(key, b"tensors")
    record_checkpoint(api.db, claim, iteration, WrittenBlob(key, "ef" * 32, 7), 1)


def test_a_waiting_job_pauses_and_resumes_and_is_rung_for(api, ask, job_id):
    paused = ask(job_id, "pause")
    assert (paused.status_code, paused.json["state"]) == (200, "paused")
    assert paused.headers["Retry-After"] == "30"

    resumed = ask(job_id, "resume")

    assert (resumed.status_code, resumed.json["state"]) == (202, "queued")
    assert api.notifier.notified == [job_id, job_id]
    assert ask(job_id, "resume").status_code == 200


def test_a_running_job_pauses_when_its_worker_obeys(api, ask, job_id):
    api.claimed()

    response = ask(job_id, "pause")

    assert (response.status_code, response.json["state"]) == (202, "pausing")
    assert ask(job_id, "pause").status_code == 202


def test_finishing_is_said_in_the_job_and_in_what_came_of_it(api, ask, job_id):
    claim = api.claimed()

    response = ask(job_id, "finish")

    assert (response.status_code, response.json["finish_requested"]) == (202, True)
    written = WrittenBlob("results/x.png", "ab" * 32, 3)
    result = JobResult(written, 8, 8, exact=True, iterations=12, completion="early")
    complete_job(api.db, claim, result)
    job = api.client.get(f"/v1/jobs/{job_id}").json
    assert (job["state"], job["completion"]) == ("succeeded", "early")
    assert ask(job_id, "finish").status_code == 200


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume", "finish", "retry"])
def test_a_verb_that_cannot_work_says_what_can(api, ask, job_id, verb):
    claim = api.claimed()
    keep(api, claim, 5)
    api.finish(claim)

    response = ask(job_id, verb)

    assert (response.status_code, response.json["code"]) == (409, "invalid-state")
    assert response.json["state"] == "succeeded"
    assert response.json["allowed_actions"] == ["extend", "fork"]


def test_a_change_of_a_waiting_job_holds_at_once(api, change, job_id):
    response = change(job_id, {"style_weight": 3, "iterations": 70}, '"1"')

    assert response.status_code == 200
    job = response.json
    assert job["segments"] == [
        {"from_iteration": 0, "changes": {"style_weight": 3.0, "iterations": 70}}
    ]
    assert job["current"]["style_weight"] == 3
    assert (job["current"]["iterations"], job["revision"]) == (70, 2)
    assert job["params"]["style_weight"] == 10


def test_a_change_of_a_running_job_waits_for_the_next_iteration(api, change, job_id):
    api.beat(api.claimed())

    response = change(job_id, {"tv_weight": 1.5}, "2")

    assert response.status_code == 202
    assert response.json["segments"][0]["from_iteration"] is None
    assert response.json["current"]["tv_weight"] == 1.5


def test_more_iterations_lengthen_the_progress(api, change, job_id):
    api.beat(api.claimed())

    job = change(job_id, {"iterations": 1000}, '"2"').json

    assert job["progress"]["iterations"] == 1100
    assert job["progress"]["fraction"] < 0.1


def test_parameters_change_only_for_whoever_has_seen_the_job(change, job_id):
    unseen = change(job_id, {"style_weight": 3})
    assert (unseen.status_code, unseen.json["code"]) == (428, "precondition-required")
    assert "If-Match" in unseen.json["hint"]

    for match in ('"7"', '"abc"', 'W/"1"'):
        stale = change(job_id, {"style_weight": 3}, match)
        assert (stale.status_code, stale.json["code"]) == (412, "version-mismatch")

    assert change(job_id, {"style_weight": 3}, "*").status_code == 200


def test_name_and_priority_change_without_having_seen_it(api, change, job_id):
    job = change(job_id, {"name": "cat", "priority": "high"}).json
    assert (job["name"], job["priority"]) == ("cat", "high")

    assert change(job_id, {"name": None}).json["name"] is None


def test_a_time_to_be_canceled_is_a_time_or_seconds_from_now(api, change, job_id):
    after = change(job_id, {"cancel_after": 3600}).json["cancel_after"]
    assert after == "2027-01-15T09:00:00Z"

    at = change(job_id, {"cancel_after": "2027-02-01T00:00:00+01:00"}).json
    assert at["cancel_after"] == "2027-01-31T23:00:00Z"
    assert change(job_id, {"cancel_after": None}).json["cancel_after"] is None


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"max_edge": 512}, "/max_edge"),
        ({"network": "vgg19"}, "/network"),
        ({"content": {"asset_id": "ast_1"}}, "/content"),
        ({"styles": [{"image": {"asset_id": "ast_1"}}]}, "/styles/0/image"),
    ],
)
def test_what_cannot_change_is_named_with_what_can(change, job_id, body, pointer):
    response = change(job_id, body, "*")

    assert (response.status_code, response.json["code"]) == (422, "immutable-field")
    assert [one["pointer"] for one in response.json["errors"]] == [pointer]
    assert "fork" in response.json["hint"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"style_weight": "3"}, "/style_weight"),
        ({"style_weight": None}, "/style_weight"),
        ({"style_weight": -1}, "/style_weight"),
        ({"iterations": 0}, "/iterations"),
        ({"iterations": 20_000}, "/iterations"),
        ({"styles": [{"weight": 1}, {"weight": 1}]}, "/styles"),
        ({"priority": "urgent"}, "/priority"),
        ({"priority": None}, "/priority"),
        ({"cancel_after": "tomorrow"}, "/cancel_after"),
        ({"cancel_after": "2001-01-01T00:00:00Z"}, "/cancel_after"),
        ({"name": "x\u0000"}, "/name"),
        ({"style_wait": 3}, "/style_wait"),
    ],
)
def test_a_wrong_change_is_pointed_at_and_nothing_changes(
    api, change, job_id, body, pointer
):
    response = change(job_id, {"tv_weight": 5, **body}, "*")

    assert (response.status_code, response.json["code"]) == (422, "validation")
    assert pointer in [one["pointer"] for one in response.json["errors"]]
    assert api.client.get(f"/v1/jobs/{job_id}").json["revision"] == 1


def test_a_change_is_json(api, change, job_id):
    assert change(job_id, {"name": "a"}, kind="application/json").status_code == 200
    assert change(job_id, {"name": "a"}, kind="text/plain").status_code == 415
    for text in ("{", '{"name": "a", "name": "b"}', "[]", "\udcff"):
        response = api.client.patch(
            f"/v1/jobs/{job_id}",
            data=text.encode(errors="surrogateescape"),
            content_type="application/json",
        )
        assert (response.status_code, response.json["code"]) == (400, "malformed-json")


def test_a_body_of_any_size_is_not_read(api, job_id):
    response = api.client.patch(
        f"/v1/jobs/{job_id}", data=b" " * 2**20, content_type="application/json"
    )

    assert response.status_code == 413


def test_a_fork_is_a_new_job_that_says_where_it_comes_from(api, ask, job_id):
    keep(api, api.claimed(), 40)

    response = ask(
        job_id,
        "fork",
        **{"from": {"iteration": 40}, "params": {"style_weight": 4}, "iterations": 9},
    )

    assert response.status_code == 202
    child = response.json
    assert response.headers["Location"] == f"/v1/jobs/{child['id']}"
    assert child["parent"] == {
        "job_id": job_id,
        "iteration": 40,
        "relation": "fork",
    }
    assert [one["iteration"] for one in child["checkpoints"]] == [40]
    assert (child["current"]["style_weight"], child["current"]["iterations"]) == (4, 9)
    assert api.notifier.notified[-1] == child["id"]


def test_a_fork_from_elsewhere_is_told_where_it_can_begin(api, ask, job_id):
    keep(api, api.claimed(), 40)

    response = ask(job_id, "fork", **{"from": {"iteration": 41}})

    assert (response.status_code, response.json["code"]) == (409, "no-checkpoint")
    assert response.json["checkpoints"] == [40]


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "validation", "/from"),
        ({"from": {"iteration": "4"}}, "validation", "/from/iteration"),
        ({"from": {"iteration": 4}, "params": {"seed": 4}}, "immutable-field",
         "/params/seed"),
        ({"from": {"iteration": 4}, "params": {"iterations": 1}, "iterations": 2},
         "validation", "/iterations"),
    ],
)  # fmt: skip
def test_a_fork_that_cannot_be_is_pointed_at(api, ask, job_id, body, code, pointer):
    keep(api, api.claimed(), 4)

    response = ask(job_id, "fork", **body)

    assert (response.status_code, response.json["code"]) == (422, code)
    assert [one["pointer"] for one in response.json["errors"]] == [pointer]


def test_an_extension_and_a_retry_are_new_jobs(api, ask, job_id):
    claim = api.claimed()
    keep(api, claim, 150)
    api.finish(claim)
    longer = ask(job_id, "extend", iterations=30)
    assert longer.status_code == 202
    assert longer.json["current"]["iterations"] == 50 + 30
    assert longer.json["parent"]["relation"] == "extend"
    ask(longer.json["id"], "cancel")

    again = ask(longer.json["id"], "retry").json
    anew = ask(longer.json["id"], "retry", **{"from": "start"}).json

    assert (again["parent"]["iteration"], anew["parent"]["iteration"]) == (150, 0)


def test_nobody_asks_anything_of_the_jobs_of_others(ask, client):
    for verb in ("cancel", "pause", "resume", "finish", "extend", "fork", "retry"):
        body = {"iterations": 3, "from": {"iteration": 1}}
        del body["from" if verb == "extend" else "iterations"]
        response = ask(
            "job_01JNONE", verb, **(body if verb in {"extend", "fork"} else {})
        )
        assert response.status_code == 404, verb
    assert client.patch("/v1/jobs/job_01JNONE", json={}).status_code == 404
