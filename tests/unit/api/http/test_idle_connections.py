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

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO")
LIMIT = 1.0


@pytest.fixture(params=["127.0.0.1", "::1"])
def listener(request):
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.create_server((request.param, 0), family=family) as listener:
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


def test_an_idle_connection_ends_and_frees_the_thread_that_reads_it(connect):
    _, accepted = connect()
    received = []
    reader = threading.Thread(target=lambda: received.append(accepted.recv(10)))
    reader.start()

    close_idle_connections(LIMIT)
    reader.join(0.1)
    assert reader.is_alive()
    time.sleep(LIMIT + 0.2)
    close_idle_connections(LIMIT)
    reader.join(5)

    assert received == [b""]


def test_a_thread_that_writes_to_one_who_does_not_read_is_freed(connect):
    _, accepted = connect()
    accepted.settimeout(None)
    ended = threading.Event()

    def write():
        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            accepted.sendall(bytes(2**26))
        ended.set()

    threading.Thread(target=write, daemon=True).start()
    time.sleep(LIMIT + 1)
    close_idle_connections(LIMIT)

    assert ended.wait(5)


@pytest.mark.parametrize("direction", ["receives", "sends"])
def test_a_connection_in_use_stays(connect, direction):
    client, accepted = connect()
    writer = client if direction == "receives" else accepted

    for _ in range(8):
        writer.send(b"x")
        time.sleep(LIMIT / 4)
        close_idle_connections(LIMIT)

    assert is_open(client)
    assert is_open(accepted)


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


def test_listeners_and_connections_to_other_servers_stay(connect):
    with (
        socket.create_server(("127.0.0.1", 0)) as elsewhere,
        socket.create_connection(elsewhere.getsockname()) as ours,
        elsewhere.accept()[0] as theirs,
    ):
        elsewhere.close()  # like a database, which listens in another process
        time.sleep(LIMIT + 0.2)

        close_idle_connections(LIMIT)

        assert is_open(ours)
        assert is_open(theirs)
    client, accepted = connect()
    client.send(b"x")
    assert accepted.recv(1) == b"x"
