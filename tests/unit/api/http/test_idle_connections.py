"""Connections on which nothing moves are closed, and no others."""

from __future__ import annotations

import select
import socket
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from flask import request

from api.http.idle_connections import close_idle_connections
from api.http.json_body import read_json_object
from tests.support.processes import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO")
LIMIT = 1.0


@pytest.fixture
def listener(request):
    address = getattr(request, "param", "127.0.0.1")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listener:
        yield listener


@pytest.fixture
def connect(listener):
    """Makes a connection: both ends of it."""
    with ExitStack() as stack:

        def make():
            client = stack.enter_context(
                socket.create_connection(listener.getsockname()[:2])
            )
            accepted = stack.enter_context(listener.accept()[0])
            accepted.settimeout(5)
            client.settimeout(5)
            return client, accepted

        yield make


def is_open(end):
    readable, _, _ = select.select([end], [], [], 0)
    return not readable or end.recv(10, socket.MSG_PEEK) != b""


@pytest.mark.parametrize("listener", ["127.0.0.1", "::1"], indirect=True)
def test_silent_connections_end_and_free_their_threads_and_no_others_end(connect):
    _, read = connect()
    _, written = connect()
    written.settimeout(None)
    used = [connect() for _ in range(2)]
    received, ended = [], threading.Event()

    def write():
        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            written.sendall(bytes(2**26))
        ended.set()

    reader = threading.Thread(target=lambda: received.append(read.recv(10)))
    reader.start()
    threading.Thread(target=write, daemon=True).start()
    with (
        socket.create_server(("127.0.0.1", 0)) as elsewhere,
        socket.create_connection(elsewhere.getsockname()) as ours,
        elsewhere.accept()[0] as theirs,
    ):
        elsewhere.close()  # like a database, which listens in another process
        close_idle_connections(3600)
        assert reader.is_alive(), "not for so long yet"
        time.sleep(LIMIT + 0.2)
        last_used = time.monotonic()
        for writer in (used[0][0], used[1][1]):  # one receives, one sends
            writer.send(b"x")
        close_idle_connections(LIMIT)

        is_late = time.monotonic() - last_used > LIMIT / 2  # the machine is busy
        assert is_late or all(map(is_open, (*used[0], *used[1])))
        assert all(map(is_open, (ours, theirs)))
    reader.join()
    assert received == [b""]
    wait_until(lambda: close_idle_connections(LIMIT) or ended.is_set())
    client, accepted = connect()
    client.send(b"x")
    assert accepted.recv(1) == b"x", "who listens still does"


def test_a_connection_stays_while_a_request_is_worked_on_for_longer(connect, make_api):
    """Nothing moves on the connection of an upload whose many pictures are decoded."""
    client, _ = connect()
    app = make_api().client.application
    local = {"REMOTE_ADDR": "127.0.0.1"}
    with app.test_request_context(
        "/v1/jobs", method="POST", json={}, environ_base=local
    ):
        app.preprocess_request()
        read_json_object(request)
        time.sleep(LIMIT + 0.2)
        close_idle_connections(LIMIT)
        assert is_open(client)

    close_idle_connections(LIMIT)

    assert not is_open(client)


def test_a_file_that_takes_the_number_of_a_closed_socket_is_not_kept_open(
    tmp_path, monkeypatch
):
    with (tmp_path / "file").open("w"):
        before = psutil.Process().num_fds()
        with monkeypatch.context() as patch:
            patch.setattr(Path, "readlink", lambda _: Path("socket:[1]"))
            close_idle_connections(LIMIT)

        assert psutil.Process().num_fds() == before
