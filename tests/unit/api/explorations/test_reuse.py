"""`reuse` of explorations: which equal one is taken instead of making one."""

from __future__ import annotations

import hashlib
import io
import json

import pytest

from shared.jobs.lease import JobResult, StoredOutput, WrittenBlob, complete_job

COLORS = ("red", "lime", "blue", "cyan", "pink", "gold", "teal", "navy", "gray")


@pytest.fixture
def nine(a_picture):
    return [a_picture(color) for color in COLORS]


@pytest.fixture
def explore(api):
    def post(pictures, reuse, params=None, headers=None, **fields):
        form = {"picture": [(io.BytesIO(data), "x.png") for data in pictures]}
        form |= {"reuse": reuse, "params": json.dumps(params or {}), **fields}
        return api.client.post("/v1/explorations", data=form, headers=headers)

    return post


def finished(api):
    """Bring the exploration that waits to its end."""
    claim = api.claimed()
    key, data = f"results/{claim.job_id}/{claim.fence}-a.png", b"a sheet"
    api.storage.put(key, data)
    written = WrittenBlob(key, hashlib.sha256(data).hexdigest(), len(data))
    output = StoredOutput("a.png", written, "image/png", 9, 9)
    outputs = (output,)
    complete_job(api.db, claim, JobResult(written, 9, 9, exact=True, outputs=outputs))


def test_an_equal_exploration_is_taken_also_one_named_by_ids(api, explore, nine):
    first = explore(nine, "finished_or_active")
    again = explore(nine, "finished_or_active", name="another name")
    ids = {"pictures": first.json["params"]["pictures"], "reuse": "finished_or_active"}
    named = api.client.post("/v1/explorations", json=ids)

    assert (first.status_code, first.json["reused"]) == (202, False)
    for one in (again, named):
        assert (one.status_code, one.json["reused"]) == (200, True)
        assert one.json["id"] == first.json["id"]
    assert api.notifier.notified == [first.json["id"]]


def test_one_that_is_over_is_taken_with_all_it_made(api, explore, nine):
    first = explore(nine, "never").json["id"]
    assert explore(nine, "finished").status_code == 202, "none is over"
    finished(api)

    kept = explore(nine, "finished")

    assert (kept.status_code, kept.json["id"]) == (200, first)
    assert [one["name"] for one in kept.json["outputs"]] == ["a.png"]


@pytest.mark.parametrize("reuse", ["never", ""])
def test_without_the_wish_each_is_made(explore, nine, reuse):
    explore(nine, reuse)

    assert explore(nine, reuse).status_code == 202


def test_other_work_is_another_exploration(explore, nine, a_picture):
    explore(nine, "never")
    others = [
        explore(nine, "finished_or_active", {"top_k": 3}),
        explore(nine, "finished_or_active", {"layers": ["relu1_1"]}),
        explore([*nine[:8], a_picture("black")], "finished_or_active"),
        # Patches tell the number of their picture: the order counts.
        explore(nine[::-1], "finished_or_active"),
    ]

    assert {one.status_code for one in others} == {202}


def test_a_picture_sent_twice_counts_once(explore, nine):
    first = explore(nine, "never")

    again = explore([*nine, nine[0]], "finished_or_active")

    assert (again.status_code, again.json["id"]) == (200, first.json["id"])


def test_an_idempotent_request_that_took_one_says_so_again(explore, nine):
    explore(nine, "never")
    key = {"Idempotency-Key": "e-1"}

    first, again = (explore(nine, "finished_or_active", headers=key) for _ in range(2))

    assert (first.status_code, again.status_code) == (200, 200)
    assert again.data == first.data
    assert again.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("reuse", ["always", "1"])
def test_another_word_is_refused(api, explore, nine, reuse):
    in_json = api.client.post("/v1/explorations", json={"reuse": reuse})

    for response in (explore(nine, reuse), in_json):
        assert response.status_code == 422
        assert [one["pointer"] for one in response.json["errors"]] == ["/reuse"]


@pytest.mark.parametrize("reuse", [None, 1, ["never"], {}])
def test_what_is_no_word_is_refused(api, reuse):
    response = api.client.post("/v1/explorations", json={"reuse": reuse})

    assert [one["pointer"] for one in response.json["errors"]] == ["/reuse"]
