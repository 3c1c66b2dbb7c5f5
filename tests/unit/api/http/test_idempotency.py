"""Idempotency-Key: the same request sent again makes nothing, and is answered alike."""

from __future__ import annotations

import io

import pytest

from shared.db.models.auth import IdempotencyKey
from shared.idempotency import REPLAY_SECONDS, delete_expired_responses
from shared.jobs.actions import cancel
from shared.jobs.submit import LOCAL_OWNER_ID
from tests.unit.api.http.repeated_requests import KEY, explore, listed


def test_the_same_submit_makes_one_job_and_gets_the_same_answer(api):
    first = api.submit(params={"max_edge": 64, "seed": 1}, headers=KEY)
    api.claimed()  # the job has moved on; the answer has not
    again = api.submit(params='{"seed":1,  "max_edge": 64}', headers=KEY)

    assert (first.status_code, again.status_code) == (202, 202)
    assert again.data == first.data
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert listed(api) == [first.json["id"]]
    assert api.notifier.notified == [first.json["id"]]


def test_boundaries_and_file_names_make_no_other_request(api, a_picture):
    def send(name):
        return api.client.post(
            "/v1/jobs",
            data={
                "style": (io.BytesIO(a_picture("blue")), f"{name}.png"),
                "content": (io.BytesIO(a_picture()), f"{name}.jpg"),
            },
            headers=KEY,
        )

    assert send("a").json["id"] == send("b").json["id"]


@pytest.mark.parametrize(
    "other",
    [
        {"params": {"seed": 2}},
        {"name": "another"},
        {"priority": "high"},
        {"files": "swapped"},
    ],
    ids=str,
)
def test_another_request_with_the_same_key_is_refused(api, a_picture, other):
    if other.get("files"):
        other = {"files": [("content", a_picture("blue")), ("style", a_picture())]}
    api.submit(headers=KEY)

    response = api.submit(headers=KEY, **other)

    assert response.status_code == 422
    assert response.json["code"] == "idempotency-key-reused"
    assert len(listed(api)) == 1


def test_without_a_key_and_with_another_one_jobs_are_made_anew(api):
    for headers in (None, None, KEY, {"Idempotency-Key": "6b0f-2"}):
        assert api.submit(headers=headers).status_code == 202

    assert len(listed(api)) == 4


def test_keys_of_different_owners_and_addresses_do_not_meet(keyed, nine):
    mine, theirs = keyed.bearer() | KEY, keyed.bearer() | KEY

    made = [
        keyed.submit(headers=mine),
        keyed.submit(headers=theirs),
        explore(keyed, nine, mine),
    ]

    assert [one.status_code for one in made] == [202] * 3
    assert len({one.json["id"] for one in made}) == 3


@pytest.mark.parametrize("key", ["", " ", "k" * 256, "ä", "a\tb", '""'])
def test_a_key_that_cannot_be_kept_is_refused(api, key):
    response = api.submit(headers={"Idempotency-Key": key})

    assert response.status_code == 400
    assert response.json["code"] == "bad-idempotency-key"
    assert listed(api) == []


def test_a_quoted_key_is_the_same_key(api):
    first = api.submit(headers={"Idempotency-Key": "k"})
    again = api.submit(headers={"Idempotency-Key": '"k"'})

    assert again.json["id"] == first.json["id"]


def test_a_request_that_is_being_answered_is_409_with_when_to_ask(api):
    first = api.submit(headers=KEY)
    with api.db.write() as session:  # as it was before its answer was kept
        row = session.get(IdempotencyKey, place())
        row.status = row.body = row.headers = None
        row.job_id = None

    response = api.submit(headers=KEY)

    assert response.status_code == 409
    assert response.json["code"] == "idempotency-in-progress"
    assert int(response.headers["Retry-After"]) >= 1
    assert listed(api) == [first.json["id"]]


def place():
    return (LOCAL_OWNER_ID, "POST /v1/jobs", "6b0f-1")


def test_a_job_whose_answer_died_with_its_server_is_found_again(api):
    first = api.submit(headers=KEY)
    with api.db.write() as session:
        row = session.get(IdempotencyKey, place())
        row.status = row.body = row.headers = None

    again = api.submit(headers=KEY)

    assert (again.status_code, again.json["id"]) == (202, first.json["id"])
    assert again.headers["Idempotency-Replayed"] == "true"
    assert listed(api) == [first.json["id"]]


def test_a_final_refusal_is_kept(api):
    unreadable = [("content", b"no picture"), ("style", b"no picture")]

    first = api.submit(files=unreadable, headers=KEY)
    again = api.submit(files=unreadable, headers=KEY)

    assert (first.status_code, first.json["code"]) == (422, "image-unreadable")
    assert again.data == first.data
    assert again.mimetype == "application/problem+json"
    assert again.headers["Idempotency-Replayed"] == "true"


def test_wrong_values_are_kept_too(api):
    first = api.submit(params={"max_edge": 1}, headers=KEY)
    again = api.submit(params={"max_edge": 1}, headers=KEY)

    assert first.status_code == again.status_code == 422
    assert again.headers["Idempotency-Replayed"] == "true"
    assert api.submit(headers=KEY).json["code"] == "idempotency-key-reused"


def test_a_replayed_problem_names_the_first_request_and_its_header_the_new_one(api):
    first, again = (api.submit(params={"seed": -1}, headers=KEY) for _ in range(2))

    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json["request_id"] == first.headers["Request-Id"]
    assert again.headers["Request-Id"] != first.headers["Request-Id"]


def test_a_refusal_that_may_pass_is_not_kept(make_api):
    api = make_api(max_queued_per_owner=1)
    first = api.submitted()
    assert api.submit(headers=KEY).status_code == 429
    cancel(api.db, LOCAL_OWNER_ID, first)

    again = api.submit(headers=KEY)

    assert again.status_code == 202
    assert "Idempotency-Replayed" not in again.headers


def test_after_a_crash_the_same_request_runs(api, monkeypatch):
    def explode(*_):
        raise RuntimeError("a bug")

    monkeypatch.setitem(api.app.config, "PROPAGATE_EXCEPTIONS", False)
    with monkeypatch.context() as broken:
        broken.setattr(api.storage, "put", explode)
        assert api.submit(headers=KEY).status_code == 500

    assert api.submit(headers=KEY).status_code == 202


def test_after_a_day_the_key_is_free_swept_or_not(api, clock):
    first = api.submit(headers=KEY)
    clock.advance(REPLAY_SECONDS - 10)
    assert api.submit(headers=KEY).json["id"] == first.json["id"]
    assert delete_expired_responses(api.db) == 0
    clock.advance(20)

    late = api.submit(params={"seed": 5}, headers=KEY)

    assert late.status_code == 202
    assert late.json["id"] != first.json["id"]


def test_old_answers_are_swept(api, clock):
    api.submit(headers=KEY)
    clock.advance(REPLAY_SECONDS + 1)

    assert delete_expired_responses(api.db) == 1
    assert delete_expired_responses(api.db) == 0
