"""Hostile pictures of one owner must not keep the uploads of another waiting."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from shared.auth.api_keys import NewKey, Scope, issue_key
from tests.fuzz.hostile_pictures import MIB, many_chunks, repeated_scan
from tests.fuzz.server import png

AT_ONCE = 4


@pytest.fixture
def farm(sqlite_server):
    return sqlite_server


def client(farm, *scopes):
    server, database = farm
    _, secret = issue_key(database, NewKey("k", scopes=frozenset(map(Scope, scopes))))
    bearer = {"Authorization": f"Bearer {secret}"}
    return httpx2.Client(base_url=server.url, headers=bearer, timeout=120)


def estimate(asking, data):
    files = {"content": ("a", data), "style": ("b", png("blue"))}
    return asking.post("/v1/estimates", files=files)


def test_of_four_at_once_by_a_key_that_may_only_read_one_is_decoded(farm):
    """Each takes seconds; when another's upload is answered, three wait in line."""
    slow = many_chunks(b"aaAa", b"", 12 * MIB)
    ended, sent = [], threading.Semaphore(0)

    def send(hostile):
        sent.release()
        ended.append(estimate(hostile, slow).status_code)

    with (
        client(farm, "read") as hostile,
        client(farm, "write") as honest,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        assert honest.post("/v1/assets", files={"file": png("red")}).status_code == 201
        pending = [pool.submit(send, hostile) for _ in range(AT_ONCE)]
        for _ in pending:
            assert sent.acquire(timeout=60)
        threading.Event().wait(2)  # until all have arrived
        answer = honest.post("/v1/assets", files={"file": png("lime")})
        ended_before = len(ended)

    assert answer.status_code == 201, answer.text
    assert ended_before <= 1
    assert set(ended) <= {200, 503}  # busy: its own three others took too long


def test_a_repeated_scan_is_refused_at_once_whoever_sends_it(farm):
    with client(farm, "read") as hostile:
        answer = estimate(hostile, repeated_scan(5000))

    assert answer.status_code == 422
    assert answer.elapsed.total_seconds() < 5
    assert "more than 100 scans" in answer.text


def test_estimates_count_as_submissions(farm):
    with client(farm, "read") as asking:
        answer = estimate(asking, png("red", (64, 64)))

    assert answer.headers["RateLimit-Policy"].startswith('"submit"')
