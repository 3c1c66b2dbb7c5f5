"""How many can wait at once: a cap over all, one per owner, and places given back."""

from __future__ import annotations

import socket
import statistics
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

from shared import jobs
from tests.api_server import until, wait_for
from tests.job_rows import submit

OWNER = jobs.LOCAL_OWNER


def test_with_the_cap_reached_the_server_still_answers_at_once(serve, live_db):
    server = serve(max_streams=40, api_threads=4)
    job_id = submit(live_db, OWNER)
    url = f"/v1/jobs/{job_id}"
    etag = server.get(url).headers["ETag"]

    with ExitStack() as opened:
        for _ in range(40):
            stream = opened.enter_context(server.stream(f"{url}/events"))
            until(stream, "snapshot")
        refused = server.get(f"{url}/events", Accept="text/event-stream")
        held = server.get(url, If_None_Match=etag, Prefer="wait=10")
        seconds = [_timed(lambda: server.get("/livez")) for _ in range(50)]
        poll = server.get(url, If_None_Match=etag)

    for answer in (refused, held):
        assert answer.status_code == 429
        assert answer.json()["code"] == "too-many-streams"
        assert answer.headers["Retry-After"]
    assert poll.status_code == 304
    assert statistics.median(seconds) < 0.05, sorted(seconds)


def _timed(ask):
    began = time.monotonic()
    assert ask().is_success
    return time.monotonic() - began


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

    wait_for(opens)
