"""Tokens for streams: one use, sixty seconds, the scope to read, the life of a key."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from shared.auth.api_keys import NewKey, delete_key, issue_key
from shared.auth.stream_tokens import TOKEN_SECONDS, delete_expired_stream_tokens
from shared.db.models.auth import StreamToken

STREAM = {"Accept": "text/event-stream"}
OWNER = "own_a"


@pytest.fixture
def brief(make_api):
    """Asks for keys; its streams live for a moment only."""
    return make_api(auth="keys", stream_seconds=0.05)


def fresh(api, headers):
    made = api.client.post("/v1/stream-tokens", headers=headers)
    assert made.status_code == 201, made.text
    return made.json


def look(api, token, path="/v1/events", method="GET", headers=STREAM):
    url = f"{path}{'&' if '?' in path else '?'}stream_token={token}"
    return api.client.open(url, method=method, headers=headers)


def stored(api):
    with api.db.read() as session:
        return session.scalar(select(func.count()).select_from(StreamToken))


def test_a_token_opens_one_stream_of_its_owners_jobs(brief):
    headers = brief.bearer(owner_id=OWNER)
    job_id = brief.submit(headers=headers).json["id"]
    other = brief.submit(headers=brief.bearer()).json["id"]

    made = fresh(brief, headers)
    opened = brief.client.get(made["urls"]["events"], headers=STREAM)
    again = brief.client.get(made["urls"]["events"], headers=STREAM)

    assert (opened.status_code, opened.mimetype) == (200, "text/event-stream")
    assert job_id in opened.text
    assert other not in opened.text
    assert (again.status_code, again.json["code"]) == (401, "unauthenticated")
    assert "POST /v1/stream-tokens" in again.json["hint"]
    assert stored(brief) == 0


def test_it_opens_the_stream_of_one_job_too_and_goes_on_from_where_it_was(brief):
    headers = brief.bearer(owner_id=OWNER)
    job_id = brief.submit(headers=headers).json["id"]
    path = f"/v1/jobs/{job_id}/events"

    first = look(brief, fresh(brief, headers)["token"], path)
    later = look(brief, fresh(brief, headers)["token"], f"{path}?after=0")

    assert "event: snapshot" in first.text
    assert "event: state" not in first.text
    assert "event: state" in later.text


def test_it_lasts_for_sixty_seconds_and_says_so(brief, clock):
    headers = brief.bearer()
    early, late = fresh(brief, headers), fresh(brief, headers)
    expires_at = datetime.fromisoformat(early["expires_at"]).timestamp()
    assert expires_at - clock() == TOKEN_SECONDS == 60

    clock.advance(59)
    assert look(brief, early["token"]).status_code == 200
    clock.advance(1)
    assert look(brief, late["token"]).status_code == 401


def test_it_lasts_no_longer_than_its_key(brief, clock):
    headers = brief.bearer(expires_in_seconds=10)
    made = fresh(brief, headers)
    expires_at = datetime.fromisoformat(made["expires_at"]).timestamp()
    assert expires_at - clock() == pytest.approx(10)

    clock.advance(10)

    assert look(brief, made["token"]).status_code == 401


def test_it_goes_with_its_key(brief):
    key, secret = issue_key(brief.db, NewKey(owner_id=OWNER))
    token = fresh(brief, {"Authorization": f"Bearer {secret}"})["token"]

    delete_key(brief.db, key.id)

    assert stored(brief) == 0
    assert look(brief, token).status_code == 401


@pytest.mark.parametrize(
    ("path", "method", "headers"),
    [
        ("/v1/events", "GET", {}),
        ("/v1/events", "HEAD", STREAM),
        ("/v1/jobs", "GET", STREAM),
        ("/v1/me", "GET", STREAM),
        ("/v1/stream-tokens", "POST", STREAM),
        ("/v1/jobs", "POST", STREAM),
    ],
)
def test_it_opens_nothing_but_streams_and_is_not_used_up_by_trying(
    brief, path, method, headers
):
    token = fresh(brief, brief.bearer("admin"))["token"]

    assert look(brief, token, path, method, headers).status_code == 401

    assert look(brief, token).status_code == 200


def test_what_is_asked_of_one_beyond_that_is_refused(brief):
    headers = brief.bearer()

    made = brief.client.post("/v1/stream-tokens", headers=headers, json={"a": 1})

    assert (made.status_code, made.json["code"]) == (422, "validation")


def test_whoever_may_read_makes_them_and_nobody_else(brief):
    for scopes, status in ((["read"], 201), (["write"], 403), (["keys"], 403)):
        headers = brief.bearer(*scopes)
        made = brief.client.post("/v1/stream-tokens", headers=headers)
        assert made.status_code == status
    assert brief.client.post("/v1/stream-tokens").status_code == 401


def test_with_a_key_beside_it_the_key_counts_and_the_token_is_kept(brief):
    headers = brief.bearer()
    token = fresh(brief, headers)["token"]

    assert look(brief, token, headers=headers | STREAM).status_code == 200
    page = look(brief, token, "/v1/events?limit=1", headers=headers)

    assert token not in str(page.headers)
    assert look(brief, token).status_code == 200


@pytest.mark.parametrize("token", ["", "x", "imp_stream_" + "a" * 43, "%00", "é" * 500])
def test_what_is_no_token_opens_nothing(brief, token):
    assert look(brief, token).status_code == 401


def test_what_was_not_made_here_is_refused_without_a_look_at_the_database(brief):
    good = fresh(brief, brief.bearer())["token"]
    forged = good[:-1] + ("0" if good[-1] != "0" else "1")
    brief.db.close()
    Path(brief.db.url.database).unlink()

    assert look(brief, forged).status_code == 401
    assert look(brief, good).status_code == 503


def test_streams_count_for_the_key_and_the_owner_of_their_token(brief):
    headers = brief.bearer(owner_id=OWNER, requests_per_minute=3)
    opened = look(brief, fresh(brief, headers)["token"])
    assert opened.headers["RateLimit"] == '"default";r=1;t=40'
    for _ in range(brief.settings.max_streams_per_owner):
        brief.dependencies.stream_slots.take(OWNER)

    refused = look(brief, fresh(brief, brief.bearer(owner_id=OWNER))["token"])

    assert (refused.status_code, refused.json["cap"]) == (429, "owner")


def test_only_its_digest_is_kept_and_that_is_swept_when_it_is_old(brief, clock):
    token = fresh(brief, brief.bearer())["token"]
    with brief.db.read() as session:
        (row,) = session.scalars(select(StreamToken))
    assert token not in str(vars(row))
    assert delete_expired_stream_tokens(brief.db) == 0

    clock.advance(TOKEN_SECONDS)

    assert delete_expired_stream_tokens(brief.db) == 1
    assert stored(brief) == 0


def test_where_no_keys_are_asked_for_there_are_no_tokens(api):
    refused = api.client.post("/v1/stream-tokens")

    assert (refused.status_code, refused.json["code"]) == (404, "not-found")
