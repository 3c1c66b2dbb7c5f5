"""Who begins a body and falls silent keeps a thread, but never the last one."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack

import pytest

from shared.auth.api_keys import NewKey, issue_key
from shared.db.database import Database
from tests.support.api_process import running_api

SENDERS = 12  # more than the server has threads


@pytest.fixture
def server(tmp_path, sqlite_url):
    with running_api(tmp_path, sqlite_url, api_threads=4, max_streams=2) as server:
        yield server


def fall_silent(server, path, kind, begun):
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
        "Content-Length: 5000\r\n\r\n"
    )
    line = socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])))
    line.sendall(head.encode() + begun)
    return line


@pytest.mark.parametrize(
    ("path", "kind", "begun"),
    [
        ("/v1/assets", "multipart/form-data; boundary=x", b"--x\r\n"),
        ("/v1/jobs", "application/json", b'{"content":'),
        ("/v1/explorations", "application/json", b'{"layers":'),
    ],
)
def test_others_are_answered_while_many_bodies_do_not_arrive(server, path, kind, begun):
    with ExitStack() as stack:
        for _ in range(SENDERS):
            stack.callback(fall_silent(server, path, kind, begun).close)
        time.sleep(0.3)  # until they have taken what they can
        server.client.timeout = 5

        assert server.get("/livez").status_code == 200
        assert server.get("/v1/jobs").status_code == 200
        busy = server.client.post("/v1/explorations", json={})
        assert busy.status_code == 503
        assert busy.headers["Retry-After"]

    deadline = time.monotonic() + 10
    while server.client.post("/v1/explorations", json={}).status_code != 202:
        assert time.monotonic() < deadline, "they hung up, and their places are taken"
        time.sleep(0.05)


def test_silent_strangers_take_no_place_of_those_with_a_key(tmp_path, sqlite_url):
    database = Database(sqlite_url)
    _, token = issue_key(database, NewKey())
    database.close()
    mine = {"Authorization": f"Bearer {token}"}
    small = {"api_threads": 4, "max_streams": 2, "auth": "keys"}
    with running_api(tmp_path, sqlite_url, **small) as server, ExitStack() as stack:
        for path in ("/session", "/v1/jobs", "/v1/keys", "/v1/explorations"):
            for _ in range(SENDERS):
                line = fall_silent(server, path, "application/json", b"{")
                stack.callback(line.close)
        time.sleep(0.3)
        server.client.timeout = 5

        sent = server.client.post("/v1/explorations", json={}, headers=mine)
        assert sent.status_code == 202, sent.text
        # Strangers wait for strangers only.
        assert server.client.post("/session", json={"key": token}).status_code == 503
