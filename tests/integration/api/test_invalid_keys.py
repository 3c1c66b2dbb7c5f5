"""Guesses at keys, against a real server: counted, while good keys go in and out."""

from __future__ import annotations

import threading

import httpx2
import pytest

from api.auth.rate_limit import WRONG_KEYS_PER_MINUTE
from shared.auth.api_keys import NewKey, issue_key
from shared.db.database import Database
from tests.support.api_process import running_api


@pytest.fixture
def server(tmp_path, sqlite_url):
    with running_api(tmp_path, sqlite_url, auth="keys", api_threads=8) as server:
        yield server


@pytest.fixture
def new_key(sqlite_url):
    """Makes a key beside the server, as the command line does."""
    database = Database(sqlite_url)
    yield lambda: issue_key(database, NewKey())[1]
    database.close()


def look(client, token):
    return client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})


def guess(url, name, statuses, count=100):
    """Send wrong keys, from this very address, by both doors."""
    with httpx2.Client(base_url=url, timeout=30) as client:
        for number in range(count):
            token = f"imp_{name}-{number}"
            door = client.post("/session", headers={"Authorization": f"Bearer {token}"})
            statuses += [look(client, token).status_code, door.status_code]


def test_who_guesses_is_put_off_and_nobody_else_at_the_same_address(server, new_key):
    old, statuses = new_key(), []
    assert look(server.client, old).status_code == 200
    guessing = [
        threading.Thread(target=guess, args=(server.url, name, statuses))
        for name in "abc"
    ]
    for each in guessing:
        each.start()
    good = [look(server.client, old).status_code for _ in range(200)]
    for each in guessing:
        each.join()

    refused = look(server.client, "imp_late")

    assert set(good) == {200}
    assert statuses.count(401) + statuses.count(429) == len(statuses) == 600
    assert WRONG_KEYS_PER_MINUTE <= statuses.count(401) < 2 * WRONG_KEYS_PER_MINUTE
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.headers["RateLimit"].startswith('"wrong-keys";r=0;')
    opened = server.client.post("/session", headers={"Authorization": f"Bearer {old}"})
    assert opened.status_code == 200


def test_a_key_that_the_server_has_never_seen_is_let_in_too(server, new_key):
    never_seen, statuses = new_key(), []
    guess(server.url, "a", statuses, WRONG_KEYS_PER_MINUTE)
    assert statuses[-1] == 429

    assert look(server.client, never_seen).status_code == 200
