"""Everything that makes a job takes an Idempotency-Key."""

from __future__ import annotations

import hashlib
import io

import pytest

from shared.jobs.checkpoints import record_checkpoint
from shared.jobs.lease import WrittenBlob
from tests.unit.api.http.repeated_requests import KEY, explore, listed


def add(api, data):
    form = {"file": (io.BytesIO(data), "x.png")}
    return api.client.post("/v1/assets", data=form).json["id"]


@pytest.fixture
def over(api):
    """A job that has succeeded and left a checkpoint."""
    job_id = api.submitted()
    claim = api.claimed()
    digest = hashlib.sha256(b"1").hexdigest()
    record_checkpoint(api.db, claim, 20, WrittenBlob("checkpoints/a", digest, 1), 1)
    api.finish(claim)
    return job_id


def test_explorations_are_made_once(api, nine):
    first, again = explore(api, nine, KEY), explore(api, nine, KEY)

    assert again.json["id"] == first.json["id"]
    other = explore(api, nine, KEY, layers=["relu2_1"])
    assert other.json["code"] == "idempotency-key-reused"
    body = {"layers": ["relu3_1"], "pictures": []}
    alike = [
        api.client.post("/v1/explorations", json=body, headers={"Idempotency-Key": "j"})
        for _ in range(2)
    ]
    assert alike[0].json["id"] == alike[1].json["id"]
    assert len(listed(api)) == 2


def test_a_form_with_a_wrong_part_is_not_the_same_as_one_without(api):
    right = {"params": '{"layers": ["relu3_1"]}'}
    first, wrong = (
        api.client.post(
            "/v1/explorations",
            data=form,
            headers=KEY,
            content_type="multipart/form-data",
        )
        for form in (right, {**right, "picture": "no file"})
    )

    assert first.status_code == 202, first.text
    assert wrong.json["code"] == "idempotency-key-reused"


@pytest.mark.parametrize(
    ("verb", "body", "other"),
    [
        ("fork", {"from": {"iteration": 20}}, {"from": {"iteration": 20}, "name": "x"}),
        ("extend", {"iterations": 30}, {"iterations": 31}),
    ],
)
def test_children_are_made_once(api, over, verb, body, other):
    url = f"/v1/jobs/{over}/{verb}"

    first, again = (api.client.post(url, json=body, headers=KEY) for _ in range(2))

    assert first.status_code == again.status_code == 202, first.text
    assert again.data == first.data
    assert len(listed(api)) == 2
    refused = api.client.post(url, json=other, headers=KEY)
    assert refused.json["code"] == "idempotency-key-reused"


def test_a_retry_is_made_once_and_a_refused_one_may_be_asked_again(api):
    job_id = api.submitted()
    url = f"/v1/jobs/{job_id}/retry"
    assert api.client.post(url, headers=KEY).status_code == 409  # it is not over yet
    api.client.post(f"/v1/jobs/{job_id}/cancel")

    first, again = (api.client.post(url, headers=KEY) for _ in range(2))

    assert first.status_code == 202
    assert again.data == first.data
    assert len(listed(api)) == 2


def test_what_was_answered_is_answered_again_while_the_disk_is_full(
    api, make_api, nine
):
    def sent(app, name):
        file = {"file": (io.BytesIO(nine[0]), "x.png")}
        key, other = ({"Idempotency-Key": name + end} for end in ("", "-2"))
        return [
            app.submit(headers=key),
            app.client.post("/v1/assets", data=file, headers=key),
            explore(app, nine, key),
            app.client.post("/v1/jobs", json=body, headers=other),
        ]

    ref = {"asset_id": add(api, nine[0])}
    body = {"content": ref, "styles": [{"image": ref}]}
    first = sent(api, "a")
    full = make_api(min_free_bytes=2**62)

    again, new = sent(full, "a"), sent(full, "b")

    assert [one.status_code for one in first] == [202, 200, 202, 202]
    assert [one.data for one in again] == [one.data for one in first]
    assert [one.json["code"] for one in new] == ["storage-full"] * 4


def test_everything_that_makes_a_job_takes_a_key_and_says_so(api):
    paths = api.client.get("/openapi.json").json["paths"]
    takes = {
        path
        for path, item in paths.items()
        for one in item.get("post", {}).get("parameters", ())
        if one.get("$ref", "").endswith("/Idempotency-Key")
    }
    makes = {
        path
        for path, item in paths.items()
        if {"201", "202"} & set(item.get("post", {}).get("responses", ()))
        and path.rpartition("/")[2] not in {"cancel", "pause", "resume", "finish"}
    }

    assert takes == makes - {"/v1/keys"}  # secrets are not kept
    assert {"/v1/jobs", "/v1/assets", "/v1/explorations"} < takes
