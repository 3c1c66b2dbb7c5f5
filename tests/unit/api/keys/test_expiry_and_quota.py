"""When keys end, and how many there may be."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from api.auth.key_cache import CACHE_SECONDS
from shared.auth.api_keys import (
    MAX_KEYS_PER_OWNER,
    NewKey,
    delete_key,
    issue_key,
    query_keys,
)
from shared.commands.keys import app


def make(api, headers, **body):
    return api.client.post("/v1/keys", json=body, headers=headers)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def status(api, headers, path="/v1/jobs", method="GET"):
    return api.client.open(path, method=method, headers=headers).status_code


def test_a_key_outlives_its_maker_by_nothing_however_old_the_news_of_it_are(
    keyed, clock
):
    maker = keyed.bearer("read", "keys", expires_in_seconds=60, owner_id="own_a")
    assert status(keyed, maker, "/v1/me") == 200  # from here on the server knows it
    clock.advance(CACHE_SECONDS - 0.5)

    made = make(keyed, maker, scopes=["read", "keys"]).json

    (known,) = [
        key
        for key in keyed.client.get("/v1/keys", headers=maker).json["data"]
        if key["id"] != made["id"]
    ]
    assert made["expires_at"] == known["expires_at"]


def test_a_key_that_is_over_makes_none_though_a_server_still_knows_it(keyed, clock):
    maker = keyed.bearer("read", "keys", owner_id="own_a")
    assert status(keyed, maker, "/v1/me") == 200
    (key,) = query_keys(keyed.db, "own_a")
    delete_key(keyed.db, key.id)

    assert make(keyed, maker, scopes=["read"]).status_code == 401
    assert query_keys(keyed.db, "own_a") == []


def test_expired_keys_make_room_for_new_ones(keyed, clock):
    new = NewKey(owner_id="own_a", expires_in_seconds=60)
    for _ in range(MAX_KEYS_PER_OWNER - 1):
        issue_key(keyed.db, new)
    maker = keyed.bearer("read", "keys", owner_id="own_a")
    assert make(keyed, maker, scopes=["read"]).status_code == 422
    clock.advance(61)

    assert make(keyed, maker, scopes=["read"]).status_code == 201
    assert len(query_keys(keyed.db, "own_a")) == 2


def test_an_owner_has_a_limited_number_of_keys(keyed):
    admin = keyed.bearer("admin")
    for _ in range(MAX_KEYS_PER_OWNER):
        issue_key(keyed.db, NewKey(owner_id="own_a"))

    response = make(keyed, admin, owner="own_a")

    assert (response.status_code, response.json["code"]) == (422, "validation")


@pytest.mark.parametrize("days", ["1e9", "0", "nan", "soon"])
def test_the_operator_makes_no_key_whose_end_is_no_date(days):
    done = CliRunner().invoke(app, ["create", "--expires-days", days])

    assert (done.exit_code, done.stdout) == (2, "")
    assert "--expires-days" in done.stderr
