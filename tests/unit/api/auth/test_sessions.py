"""The page with keys: a cookie that scripts cannot read, and a token for writes."""

from __future__ import annotations

import re

import pytest

from api.auth.sessions import COOKIE, open_session, read_session
from shared.auth.api_keys import delete_key, query_keys

OWN = "https://farm.example"
HOST = {"Host": "farm.example"}


def log_in(api, key, **headers):
    headers = HOST | headers | {"Authorization": f"Bearer {key}"}
    return api.client.post("/session", headers=headers)


@pytest.fixture
def page(keyed):
    """A browser that has logged in: the API, and the token of its page."""
    keyed.key = keyed.token(owner_id="own_a")
    token = log_in(keyed, keyed.key, Origin=OWN).json["csrf_token"]
    return keyed, token


def cookies(response):
    return response.headers.getlist("Set-Cookie")


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(keyed):
    key = keyed.token()

    (cookie,) = cookies(log_in(keyed, key, Origin=OWN))

    named = {part.strip().lower() for part in cookie.split(";")}
    assert {"httponly", "samesite=strict", "path=/", "secure"} <= named
    assert key not in cookie


def test_without_tls_the_cookie_is_not_marked_secure(keyed):
    (cookie,) = cookies(log_in(keyed, keyed.token(), Origin="http://farm.example"))

    assert "secure" not in cookie.lower()


@pytest.mark.parametrize(("origin", "host"), [("null", ""), ("http://[", "[")])
def test_a_page_of_nowhere_is_not_ours_though_the_host_is_none_either(
    keyed, origin, host
):
    headers = {"Origin": origin, "Host": host, "Authorization": "Bearer x"}

    response = keyed.client.post("/session", headers=headers)

    assert (response.status_code, response.json["code"]) == (403, "forbidden")


@pytest.mark.parametrize("key", ["imp_wrong", "", " "])
def test_a_wrong_key_opens_nothing(keyed, key):
    response = log_in(keyed, key)

    assert (response.status_code, response.json["code"]) == (401, "unauthenticated")
    assert not cookies(response)


def test_the_cookie_reads_and_shows_the_jobs_of_its_key(page):
    api, _ = page

    response = api.client.get("/v1/me", headers=HOST)

    assert (response.status_code, response.json["owner"]) == (200, "own_a")
    assert "RateLimit" in response.headers


def test_a_write_by_cookie_needs_the_token_of_the_page(page):
    api, token = page
    for wrong in ({}, {"CSRF-Token": "x"}, {"CSRF-Token": token[:-1] + "é"}):
        response = api.submit(headers=HOST | wrong)
        assert (response.status_code, response.json["code"]) == (403, "forbidden")

    right = HOST | {"CSRF-Token": token, "Origin": OWN, "Sec-Fetch-Site": "same-origin"}

    assert api.submit(headers=right).status_code == 202


@pytest.mark.parametrize(
    "foreign",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "https://farm.example.evil.example"},
        {"Origin": "https://farm.example:8443"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_another_sites_page_writes_nothing_even_with_the_token(page, foreign):
    api, token = page

    response = api.submit(headers=HOST | {"CSRF-Token": token} | foreign)

    assert response.status_code == 403
    assert log_in(api, api.key, **foreign).status_code == 403


def test_the_token_of_another_session_is_worth_nothing(page):
    api, first = page
    log_in(api, api.key)  # the browser now has the cookie of a second session

    response = api.submit(headers=HOST | {"CSRF-Token": first})

    assert response.status_code == 403


def test_a_key_in_the_header_needs_no_token(page):
    api, _ = page

    headers = HOST | {"Authorization": f"Bearer {api.key}"}

    assert api.submit(headers=headers).status_code == 202


def test_a_revoked_key_ends_its_sessions(page, clock):
    api, _ = page
    (key,) = query_keys(api.db, "own_a")
    delete_key(api.db, key.id)
    clock.advance(6)

    assert api.client.get("/v1/me", headers=HOST).status_code == 401


def test_a_session_may_do_what_its_key_may(keyed):
    token = log_in(keyed, keyed.token("read")).json["csrf_token"]

    response = keyed.submit(headers=HOST | {"CSRF-Token": token})

    assert response.json["code"] == "forbidden-scope"


def test_logging_out_takes_the_cookie_away(page):
    api, _ = page

    assert api.client.delete("/session", headers=HOST).status_code == 204
    assert api.client.get("/v1/me", headers=HOST).status_code == 401


def test_the_page_holds_the_token_only_for_who_is_logged_in(page):
    api, token = page
    inside = api.client.get("/", headers=HOST)
    api.client.delete("/session", headers=HOST)
    outside = api.client.get("/", headers=HOST)

    assert f'data-csrf="{token}"' in inside.text
    assert inside.headers["Cache-Control"] == "no-store"
    assert 'data-csrf=""' in outside.text


@pytest.mark.parametrize("made_up", ["", "x", "a.b.c", "imp_1"])
def test_a_made_up_cookie_opens_nothing(keyed, made_up):
    keyed.client.set_cookie(COOKIE, made_up)

    assert keyed.client.get("/v1/me").status_code == 401


def test_a_session_ends_with_time_and_with_another_secret():
    cookie = open_session(b"secret", "key_1")

    assert read_session(b"secret", cookie).key_id == "key_1"
    assert read_session(b"secret", cookie, max_age_seconds=-1) is None
    assert read_session(b"other", cookie) is None


def test_without_keys_there_is_no_session_to_open(api):
    headers = {"Authorization": "Bearer imp_1"}
    assert api.client.post("/session", headers=headers).status_code == 404
    api.client.set_cookie(COOKIE, "anything")
    assert api.client.get("/v1/jobs").status_code == 200
    assert re.search(r'data-csrf=""', api.client.get("/").text)
