"""Pages of named origins may use the API with a key; nobody else's page may."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from shared.settings import Settings

ORIGIN, OTHER = "https://app.example", "https://other.example"


@pytest.fixture
def open_api(make_api):
    """An API that asks for keys and names two origins."""
    return make_api(auth="keys", origins=f" {ORIGIN}, http://localhost:5173,")


def preflight(api, path, origin=ORIGIN, method="POST"):
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    return api.client.options(path, headers=headers)


def names(header):
    return {name.strip() for name in header.split(",")}


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/jobs/job_1", "/v1/events", "/v1"])
def test_a_preflight_is_answered_without_a_key(open_api, path):
    response = preflight(open_api, path)

    assert (response.status_code, response.data) == (204, b"")
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert {"GET", "POST", "PATCH", "DELETE"} <= names(
        response.headers["Access-Control-Allow-Methods"]
    )
    sent = {"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Prefer",
            "If-None-Match", "Last-Event-ID"}  # fmt: skip
    assert sent <= names(response.headers["Access-Control-Allow-Headers"])
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("origin", [OTHER, "null", "https://app.example:444", "*"])
def test_other_origins_get_neither_preflight_nor_answer(open_api, origin):
    headers = {"Origin": origin, **open_api.bearer()}

    refused = preflight(open_api, "/v1/jobs", origin)
    assert (refused.status_code, refused.json["code"]) == (403, "forbidden")
    assert "IMPASTO_ORIGINS" in refused.json["hint"]
    for response in (refused, open_api.client.get("/v1/jobs", headers=headers)):
        assert "Access-Control-Allow-Origin" not in response.headers


def test_answers_and_their_headers_can_be_read(open_api):
    headers = {"Origin": ORIGIN, **open_api.bearer()}
    made = open_api.submit(headers=headers)
    url = f"/v1/jobs/{made.json['id']}"
    shown = open_api.client.get(url, headers=headers)
    etag = {"If-None-Match": shown.headers["ETag"]}
    unchanged = open_api.client.get(url, headers={**headers, **etag})
    refused = open_api.client.get(url, headers={"Origin": ORIGIN})

    statuses = [made, shown, unchanged, refused]
    assert [each.status_code for each in statuses] == [202, 200, 304, 401]
    for response in statuses:
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        exposed = names(response.headers["Access-Control-Expose-Headers"])
        assert {"ETag", "Location", "Retry-After", "Link", "Idempotency-Replayed",
                "Request-Id", "RateLimit"} <= exposed  # fmt: skip
        assert "Access-Control-Allow-Credentials" not in response.headers


def test_caches_tell_the_origins_apart(open_api):
    response = open_api.client.get("/v1")

    assert "Origin" in response.headers.getlist("Vary")


def test_a_cookie_does_not_let_a_foreign_page_in(open_api):
    login = open_api.client.post("/session", headers=open_api.bearer())
    assert login.status_code == 200, login.text
    token = {"CSRF-Token": login.json["csrf_token"]}
    assert open_api.client.get("/v1/me").status_code == 200  # the cookie is sent

    written = open_api.submit(headers={"Origin": ORIGIN, **token})

    assert (written.status_code, written.json["code"]) == (403, "forbidden")
    assert open_api.submit(headers=token).status_code == 202


@pytest.mark.parametrize("path", ["/", "/session", "/metrics", "/docs"])
def test_the_pages_for_people_are_not_shared(open_api, path):
    response = open_api.client.get(path, headers={"Origin": ORIGIN})

    assert "Access-Control-Allow-Origin" not in response.headers


def test_without_the_setting_no_page_is_let_in(keyed):
    assert preflight(keyed, "/v1/jobs").status_code != 204
    response = keyed.client.get("/v1/me", headers={"Origin": ORIGIN, **keyed.bearer()})
    assert not [n for n, _ in response.headers if n.startswith("Access-Control")]
    assert "Vary" not in response.headers


@pytest.mark.parametrize(
    "origins",
    ["*", "app.example", "https://app.example/", "https://*.example", "null",
     "https://App.example", "https://a:b@app.example", "https://", "https://x:port",
     "https://app.example:443", "ftp://app.example"],
)  # fmt: skip
def test_what_is_no_origin_is_refused_at_the_start(origins):
    with pytest.raises(ValidationError, match="origins"):
        Settings(auth="keys", origins=origins)


def test_origins_need_keys(monkeypatch):
    monkeypatch.setenv("IMPASTO_ORIGINS", ORIGIN)

    with pytest.raises(ValidationError, match="IMPASTO_AUTH=keys"):
        Settings()
