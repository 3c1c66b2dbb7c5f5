"""Tokens for streams over several real servers: each is used once, and never logged."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest
from sqlalchemy import select

from shared.auth.api_keys import NewKey, delete_key, issue_key
from shared.auth.stream_tokens import TOKEN_SECONDS, store_stream_token
from shared.db.models.auth import StreamToken
from shared.maintenance.cleaner import Cleaner
from shared.settings import Settings
from shared.storage.local import LocalStorage
from tests.support.api_process import STREAM, running_api, until
from tests.support.job_rows import submit

OWNER = "own_a"


@pytest.fixture
def two(tmp_path, database_url):
    """Two servers of one farm."""
    with ExitStack() as running:
        servers = []
        for name in ("a", "b"):
            home = tmp_path / name
            home.mkdir()
            asked = {"auth": "keys", "stream_seconds": 25, "log_level": "DEBUG"}
            secret_file = tmp_path / "secret"
            server = running_api(home, database_url, secret_file=secret_file, **asked)
            servers.append(running.enter_context(server))
        yield servers


def key_of(db):
    key, secret = issue_key(db, NewKey(owner_id=OWNER))
    return key.id, {"Authorization": f"Bearer {secret}"}


def open_at(server, url):
    """Status of a stream, which is left at once."""
    with httpx.stream("GET", server.url + url, headers=STREAM, timeout=30) as response:
        return response.status_code


def test_of_many_requests_to_two_servers_one_opens_the_stream(two, live_db):
    _, headers = key_of(live_db)
    for server in two:
        made = server.client.post("/v1/stream-tokens", headers=headers).json()
        url = made["urls"]["events"]

        with ThreadPoolExecutor(12) as pool:
            asked = [pool.submit(open_at, two[n % 2], url) for n in range(12)]
            statuses = sorted(one.result() for one in asked)

        assert statuses == [200, *[401] * 11]
        for each in two:
            assert made["token"] not in each.log()


def test_a_stream_that_a_token_opened_ends_with_the_key(two, live_db):
    first, second = two
    key_id, headers = key_of(live_db)
    job_id = submit(live_db, OWNER)
    made = first.client.post("/v1/stream-tokens", headers=headers).json()
    url = f"/v1/jobs/{job_id}/events?stream_token={made['token']}"

    with second.stream(url) as stream:
        until(stream, "snapshot")
        delete_key(live_db, key_id)
        refusal = until(stream, "problem")[-1][2]

    assert refusal["code"] == "unauthenticated"
    assert made["token"] not in str(refusal)


def test_what_nobody_used_in_time_is_tidied_away(db, clock, tmp_path):
    storage = LocalStorage(tmp_path / "blobs")
    janitor = Cleaner(db, storage, Settings(home=tmp_path), clock)
    store_stream_token(db, issue_key(db, NewKey())[0].id, "token")

    def kept():
        with db.read() as session:
            return len(session.scalars(select(StreamToken)).all())

    janitor.run_once()
    assert kept() == 1
    clock.advance(TOKEN_SECONDS)
    janitor.run_once()
    assert kept() == 0
