"""A process that is told to stop ends its streams and held requests, then itself."""

from __future__ import annotations

import signal
import threading
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx2
import psutil
import pytest

from shared.jobs.submit import LOCAL_OWNER_ID as OWNER
from tests.support.api_process import until
from tests.support.job_rows import submit
from tests.support.processes import PATIENCE_SECONDS, wait_until


@pytest.fixture
def database_url(sqlite_url):
    """One database is enough: none has a part in this."""
    return sqlite_url


def test_at_shutdown_streams_say_goodbye_waits_are_answered_and_the_process_ends(
    serve, live_db
):
    server = serve()
    job_id = submit(live_db, OWNER)
    url = f"/v1/jobs/{job_id}"
    etag = server.get(url).headers["ETag"]
    answers = []

    def wait():
        held = {"If-None-Match": etag, "Prefer": "wait=60"}
        answers.append(httpx2.get(server.url + url, headers=held, timeout=90))

    with ExitStack() as opened:
        streams = [
            opened.enter_context(server.stream(f"{url}/events")) for _ in range(5)
        ]
        for stream in streams:
            until(stream, "snapshot")
        waiting = threading.Thread(target=wait)
        waiting.start()
        wait_until(lambda: _connections(server) >= 6)
        server.get("/livez")  # what came before it is being served by now
        server.process.send_signal(signal.SIGTERM)
        ends = [until(stream, "reconnect")[-1][2] for stream in streams]
        waiting.join()
        assert server.process.wait(PATIENCE_SECONDS) == 0

    assert ends == [{"reason": "shutdown"}] * 5
    assert "threads" not in server.log(), "granian warns of many"
    with pytest.raises(httpx2.ConnectError):
        server.get("/livez")
    # What does not end by itself is cut off after eight seconds, without an answer.
    assert [answer.status_code for answer in answers] == [304]


def _connections(server):
    family = [psutil.Process(server.process.pid)]
    family += family[0].children(recursive=True)
    port = urlsplit(server.url).port
    return len({
        each.raddr
        for process in family
        for each in process.net_connections("tcp")
        if each.status == "ESTABLISHED" and each.laddr.port == port
    })  # fmt: skip
