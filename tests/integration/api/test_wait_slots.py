"""How many can wait at once: a cap over all, one per owner, and places given back."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from shared.auth.api_keys import NewKey, issue_key
from shared.jobs.submit import LOCAL_OWNER_ID
from tests.support.api_process import until
from tests.support.job_rows import submit
from tests.support.processes import wait_until

OWNER = LOCAL_OWNER_ID


@pytest.fixture
def database_url(sqlite_url):
    """One database is enough: none has a part in this."""
    return sqlite_url


def test_with_the_cap_reached_the_server_still_answers(serve, live_db):
    """More streams than threads: a server that gave each a thread would not."""
    server = serve(max_streams=12, api_threads=4)
    job_id = submit(live_db, OWNER)
    url = f"/v1/jobs/{job_id}"
    etag = server.get(url).headers["ETag"]

    with ExitStack() as opened:
        for _ in range(12):
            stream = opened.enter_context(server.stream(f"{url}/events"))
            until(stream, "snapshot")
        refused = server.get(f"{url}/events", Accept="text/event-stream")
        held = server.get(url, If_None_Match=etag, Prefer="wait=10")
        alive = server.get("/livez")
        poll = server.get(url, If_None_Match=etag)

    for answer in (refused, held):
        assert answer.status_code == 429
        assert answer.json()["code"] == "too-many-streams"
        assert answer.headers["Retry-After"]
    assert (alive.status_code, poll.status_code) == (200, 304)


def test_a_client_that_is_gone_gives_its_place_back(serve, live_db):
    server = serve(max_streams=1, stream_heartbeat_seconds=0.2)
    job_id = submit(live_db, OWNER)
    address = urlsplit(server.url)
    path = f"/v1/jobs/{job_id}/events"
    with socket.create_connection((address.hostname, address.port)) as gone:
        head = f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
        gone.sendall(f"{head}Accept: text/event-stream\r\n\r\n".encode())
        assert b"200 OK" in gone.recv(65536)

    def opens():
        with server.client.stream(
            "GET", path, headers={"Accept": "text/event-stream"}
        ) as response:
            return response.status_code == 200

    wait_until(opens)


def test_one_owner_cannot_take_the_places_of_another(serve, live_db):
    caps = {"max_streams": 8, "max_streams_per_owner": 3}
    server = serve(auth="keys", stream_seconds=10, **caps)
    mine, theirs = (_key(live_db, owner) for owner in ("own_a", "own_b"))
    url = f"/v1/jobs/{submit(live_db, 'own_a')}"

    with ExitStack() as opened:
        for _ in range(3):
            stream = opened.enter_context(server.stream("/v1/events", **mine))
            until(stream, "snapshot")
        refused = server.get("/v1/events", Accept="text/event-stream", **mine)
        held = server.get(f"{url}?until=terminal", Prefer="wait=10", **mine)
        other = opened.enter_context(server.stream("/v1/events", **theirs))
        submit(live_db, "own_b")
        until(other, "state")

    for answer in (refused, held):
        assert (answer.status_code, answer.json()["cap"]) == (429, "owner")
        assert answer.headers["Retry-After"]


def _key(db, owner_id):
    token = issue_key(db, NewKey(owner_id=owner_id))[1]
    return {"Authorization": f"Bearer {token}"}
