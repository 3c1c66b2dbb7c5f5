"""How many can wait at once: a server has few places, and gets them back."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from shared.jobs.submit import LOCAL_OWNER_ID
from tests.support.api_process import until
from tests.support.job_rows import submit
from tests.support.processes import wait_until


@pytest.fixture
def database_url(sqlite_url):
    """One database is enough: none has a part in this."""
    return sqlite_url


def test_with_the_cap_reached_the_server_answers_and_who_is_gone_gives_a_place_back(
    serve, live_db
):
    """More streams than threads: a server that gave each a thread would not answer."""
    server = serve(max_streams=12, api_threads=4, stream_heartbeat_seconds=0.2)
    url = f"/v1/jobs/{submit(live_db, LOCAL_OWNER_ID)}"
    etag = server.get(url).headers["ETag"]

    with ExitStack() as opened:
        streams = [
            opened.enter_context(server.stream(f"{url}/events")) for _ in range(11)
        ]
        for stream in streams:  # each is kept: one that nobody has is closed
            until(stream, "snapshot")
        with begun_stream(server, url):
            refused = server.get(f"{url}/events", Accept="text/event-stream")
            held = server.get(url, If_None_Match=etag, Prefer="wait=10")
            alive = server.get("/livez")
            poll = server.get(url, If_None_Match=etag)
        wait_until(lambda: opens(server, url))

    for answer in (refused, held):
        assert answer.status_code == 429
        assert answer.json()["code"] == "too-many-streams"
        assert answer.headers["Retry-After"]
    assert (alive.status_code, poll.status_code) == (200, 304)


def begun_stream(server, url):
    """A connection with a stream, to be closed without a word."""
    address = urlsplit(server.url)
    connection = socket.create_connection((address.hostname, address.port))
    head = f"GET {url}/events HTTP/1.1\r\nHost: {address.netloc}\r\n"
    connection.sendall(f"{head}Accept: text/event-stream\r\n\r\n".encode())
    assert b"200 OK" in connection.recv(65536)
    return connection


def opens(server, url):
    accept = {"Accept": "text/event-stream"}
    with server.client.stream("GET", f"{url}/events", headers=accept) as response:
        return response.status_code == 200
