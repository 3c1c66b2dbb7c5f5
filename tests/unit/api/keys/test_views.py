"""GET /v1/keys, a page at a time.

/v1/me and /v1/keys, scopes, expiry, revoking, quotas.
"""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from api.auth.key_cache import CACHE_SECONDS
from shared.auth.api_keys import (
    NewKey,
    delete_key,
    find_key_by_token,
    issue_key,
    query_keys,
)
from shared.db.models.auth import ApiKey
from shared.jobs.claim import Device, claim_job


def walked(api, headers, url):
    """Follow the links from page to page; return the ids of each."""
    pages = []
    while url:
        response = api.client.get(url, headers=headers)
        link = response.headers.get("Link", "")
        assert bool(link) == bool(response.json["next_cursor"])
        pages.append([key["id"] for key in response.json["data"]])
        url = link.partition("<")[2].partition(">")[0]
    return pages


def test_keys_are_listed_newest_first_a_page_at_a_time(keyed, clock):
    headers = keyed.bearer("keys", owner_id="own_a")
    for _ in range(4):
        clock.advance(1)
        keyed.token(owner_id="own_a")
        keyed.token(owner_id="own_b")
    everyone = [key.id for key in query_keys(keyed.db)]
    mine = [key.id for key in query_keys(keyed.db, "own_a")]

    pages = walked(keyed, headers, "/v1/keys?limit=2")
    of_all = walked(keyed, keyed.bearer("admin", owner_id="own_c"), "/v1/keys?limit=3")

    assert pages == [mine[:2], mine[2:4], mine[4:]]
    assert [key for page in of_all for key in page][1:] == everyone
    assert walked(keyed, headers, "/v1/keys") == [mine]


def test_a_page_of_keys_is_only_for_who_asked_for_the_list(keyed):
    mine, theirs = (keyed.bearer("keys", "read", owner_id=f"own_{n}") for n in "ab")
    keyed.token(owner_id="own_a")
    cursor = keyed.client.get("/v1/keys?limit=1", headers=mine).json["next_cursor"]

    for headers, path in ((theirs, "/v1/keys"), (mine, "/v1/jobs")):
        response = keyed.client.get(f"{path}?cursor={cursor}", headers=headers)
        assert (response.status_code, response.json["code"]) == (400, "bad-cursor")


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "owner=own_b"])
def test_a_wrong_query_for_keys_is_refused(keyed, query):
    headers = keyed.bearer("keys")

    assert keyed.client.get(f"/v1/keys?{query}", headers=headers).status_code == 422


def make(api, headers, **body):
    return api.client.post("/v1/keys", json=body, headers=headers)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def status(api, headers, path="/v1/jobs", method="GET"):
    return api.client.open(path, method=method, headers=headers).status_code


def test_me_tells_what_a_key_may_do(keyed):
    headers = keyed.bearer("read", requests_per_minute=7, quotas={"max_running": 2})
    job = keyed.submit(headers=keyed.bearer())

    me = keyed.client.get("/v1/me", headers=headers).json

    assert (me["auth"], me["scopes"]) == ("keys", ["read"])
    assert me["requests_per_minute"] == {"submit": 60, "default": 7}
    assert (me["max_queued"], me["max_running"]) == (1000, 2)
    assert (me["queued"], me["running"]) == (0, 0)
    assert job.json["owner"] != me["owner"]


def test_me_counts_the_jobs_of_the_owner(api):
    api.submitted()

    me = api.client.get("/v1/me").json

    assert (me["auth"], me["owner"], me["key_id"]) == ("none", "own_local", None)
    assert me["queued"] == 1
    assert me["requests_per_minute"] is None


@pytest.mark.parametrize(
    ("scopes", "reads", "writes", "lists"),
    [
        (["read"], 200, 403, 403),
        (["write"], 403, 404, 403),
        (["keys"], 403, 403, 200),
        (["read", "write"], 200, 404, 403),
        (["admin"], 200, 404, 200),
    ],
)
def test_a_key_may_do_what_its_scopes_say(keyed, scopes, reads, writes, lists):
    headers = keyed.bearer(*scopes)

    assert status(keyed, headers) == reads
    assert status(keyed, headers, "/v1/jobs/job_1/cancel", "POST") == writes
    assert status(keyed, headers, "/v1/keys") == lists
    assert status(keyed, headers, "/v1/me") == 200


def test_a_missing_scope_is_named(keyed):
    response = keyed.submit(headers=keyed.bearer("read"))

    assert (response.status_code, response.json["code"]) == (403, "forbidden-scope")
    assert response.json["scope"] == "write"
    assert 'scope="write"' in response.headers["WWW-Authenticate"]


def test_every_way_to_change_something_needs_more_than_reading(keyed):
    headers = keyed.bearer("read")
    for rule in keyed.app.url_map.iter_rules():
        for method in rule.methods & {"POST", "PUT", "PATCH", "DELETE"}:
            if rule.rule.startswith("/v1/"):
                url = rule.rule.replace("<", "").replace(">", "")
                refused = status(keyed, headers, url, method) == 403
                assert refused is (rule.rule != "/v1/estimates"), rule


def test_a_secret_is_shown_once_and_only_its_digest_is_kept(keyed):
    admin = keyed.bearer("admin")

    made = make(keyed, admin, name="nightly", scopes=["read"])

    assert made.status_code == 201
    secret = made.json["secret"]
    assert secret.startswith("imp_")
    assert status(keyed, bearer(secret)) == 200
    assert secret not in keyed.client.get("/v1/keys", headers=admin).text
    with keyed.db.read() as session:
        for row in session.scalars(select(ApiKey)):
            assert secret not in str(vars(row))


def test_an_admin_makes_keys_of_new_owners_with_limits(keyed):
    made = make(
        keyed, keyed.bearer("admin"), requests_per_minute=5, max_queued=1, name="guest"
    ).json
    guest = bearer(made["secret"])

    me = keyed.client.get("/v1/me", headers=guest).json

    assert (me["owner"], me["max_queued"]) == (made["owner"], 1)
    assert me["requests_per_minute"]["default"] == 5
    assert keyed.submit(headers=guest).status_code == 202
    assert keyed.submit(headers=guest).json["code"] == "quota-exceeded"


def test_max_running_of_an_owner_holds_its_jobs_back(keyed):
    headers = keyed.bearer(quotas={"max_running": 1})
    for _ in range(2):
        keyed.submit(headers=headers)

    assert claim_job(keyed.db, Device("w", "cpu", 10**12), "a", 60) is not None
    assert claim_job(keyed.db, Device("w", "cpu", 10**12), "b", 60) is None


def test_a_key_makes_no_key_that_may_do_more_than_itself(keyed):
    owner = {"owner_id": "own_a"}
    maker = keyed.bearer("read", "keys", requests_per_minute=9,
                         expires_in_seconds=100, **owner)  # fmt: skip

    for body in (
        {"scopes": ["write"]},
        {"scopes": ["read", "admin"]},
        {"scopes": ["read"], "owner": "own_b"},
        {"scopes": ["read"], "requests_per_minute": 0},
        {"scopes": ["read"], "max_queued": 10**6},
    ):
        assert make(keyed, maker, **body).json["code"] == "forbidden-scope", body
    made = make(keyed, maker, scopes=["read"], expires_in=5000).json

    assert (made["owner"], made["requests_per_minute"]) == ("own_a", 9)
    mine = keyed.client.get("/v1/keys", headers=maker).json["data"]
    assert {key["owner"] for key in mine} == {"own_a"}
    assert made["expires_at"] == next(
        key["expires_at"] for key in mine if key["id"] != made["id"]
    )


@pytest.mark.parametrize(
    "body",
    [
        {"scopes": []},
        {"scopes": ["root"]},
        {"expires_in": 0},
        {"expires_in": "1"},
        {"name": "a\x00b"},
        {"name": "x" * 201},
        {"owner": "me"},
        {"max_queued": -1},
        {"color": "red"},
    ],
    ids=str,
)
def test_wrong_wishes_are_named(keyed, body):
    response = make(keyed, keyed.bearer("admin"), **body)

    assert (response.status_code, response.json["code"]) == (422, "validation")
    assert response.json["errors"][0]["pointer"].startswith(f"/{next(iter(body))}")


def test_an_expired_key_is_no_key_to_the_second(keyed, clock):
    headers = keyed.bearer(expires_in_seconds=3)
    assert status(keyed, headers) == 200
    clock.advance(2.9)
    assert status(keyed, headers) == 200
    clock.advance(0.2)
    assert status(keyed, headers) == 401


def test_a_key_revoked_here_is_no_key_at_once(keyed):
    admin, guest = keyed.bearer("admin"), keyed.bearer(name="guest")
    assert status(keyed, guest) == 200
    found = keyed.client.get("/v1/keys", headers=admin).json["data"]
    (url,) = [key["urls"]["self"] for key in found if key["name"] == "guest"]

    assert status(keyed, admin, url, "DELETE") == 204
    assert status(keyed, guest) == 401
    assert status(keyed, admin, url, "DELETE") == 404


def test_a_key_revoked_elsewhere_is_no_key_after_seconds(keyed, clock):
    headers = keyed.bearer(owner_id="own_a")
    assert status(keyed, headers) == 200
    (key,) = query_keys(keyed.db, "own_a")
    delete_key(keyed.db, key.id)
    assert status(keyed, headers) == 200  # as promised: it is known for a while
    clock.advance(CACHE_SECONDS + 0.1)

    assert status(keyed, headers) == 401


def test_keys_of_others_do_not_exist(keyed):
    mine, theirs = keyed.bearer("keys"), keyed.bearer("keys", owner_id="own_b")
    (key,) = query_keys(keyed.db, "own_b")

    assert status(keyed, mine, f"/v1/keys/{key.id}", "DELETE") == 404
    assert status(keyed, theirs, f"/v1/keys/{key.id}", "DELETE") == 204


def test_any_key_may_revoke_itself_and_no_other(keyed):
    headers = keyed.bearer("read", owner_id="own_a")
    issue_key(keyed.db, NewKey(owner_id="own_a", name="other"))
    own = keyed.client.get("/v1/me", headers=headers).json["key_id"]
    (other,) = [k.id for k in query_keys(keyed.db, "own_a") if k.id != own]

    assert status(keyed, headers, f"/v1/keys/{other}", "DELETE") == 403
    assert status(keyed, headers, f"/v1/keys/{own}", "DELETE") == 204


@pytest.mark.parametrize("key_id", ["key_%00", "key_ä", "%27--"])
def test_what_is_no_id_is_not_found(keyed, key_id):
    admin = keyed.bearer("admin")

    assert status(keyed, admin, f"/v1/keys/{key_id}", "DELETE") == 404


def test_a_valid_key_costs_no_look_at_the_database(keyed, monkeypatch):
    looks = []
    find = find_key_by_token
    monkeypatch.setattr(
        "api.auth.key_cache.find_key_by_token", lambda *a: looks.append(1) or find(*a)
    )
    headers = keyed.bearer()

    for _ in range(20):
        assert status(keyed, headers, "/v1/capabilities") == 200

    assert len(looks) == 1


def test_the_last_use_is_noted_seldom_and_apart_from_requests(keyed, clock):
    headers = keyed.bearer("read", owner_id="own_a")
    keys = keyed.app.extensions["impasto"].key_cache

    def last_use():
        return query_keys(keyed.db, "own_a")[0].last_used_at

    status(keyed, headers)
    assert last_use() is None
    keys.store_uses()
    first = last_use()
    assert first == pytest.approx(clock.now)
    clock.advance(10)
    status(keyed, headers)
    keys.store_uses()
    assert last_use() == first
    clock.advance(60)
    status(keyed, headers)
    keys.store_uses()
    assert last_use() == pytest.approx(clock.now)
    keys.store_uses()  # not used since: nothing to write


def _forbid_uses(db, with_what):
    with db.write() as session:
        session.execute(
            text(
                "CREATE TRIGGER forbid BEFORE UPDATE ON api_keys "
                f"BEGIN SELECT {with_what}; END"
            )
        )


def test_a_use_that_could_not_be_noted_in_an_outage_is_noted_later(keyed, clock):
    status(keyed, keyed.bearer("read", owner_id="own_a"))
    keys = keyed.app.extensions["impasto"].key_cache
    _forbid_uses(keyed.db, "missing FROM missing")  # is an OperationalError
    keys.store_uses()
    with keyed.db.write() as session:
        session.execute(text("DROP TRIGGER forbid"))

    keys.store_uses()

    (key,) = query_keys(keyed.db, "own_a")
    assert key.last_used_at == pytest.approx(clock.now)


def test_no_mistake_ends_the_noting_of_uses(keyed):
    status(keyed, keyed.bearer("read", owner_id="own_a"))
    _forbid_uses(keyed.db, "RAISE(ABORT, 'not this')")  # is an IntegrityError

    keyed.app.extensions["impasto"].key_cache.store_uses()

    assert query_keys(keyed.db, "own_a")[0].last_used_at is None


def test_without_keys_the_local_owner_prepares_them(api):
    made = api.client.post("/v1/keys", json={"scopes": ["admin"]})

    assert made.status_code == 201
    assert find_key_by_token(api.db, made.json["secret"]).scopes == {"admin"}
