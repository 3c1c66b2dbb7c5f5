"""The API's process: how granian is set up, how it refuses, what it leaves behind."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import ExitStack
from select import select
from urllib.parse import urlsplit

import psutil
import pytest
from granian import Granian

from api.http.body import GRACE_SECONDS
from api.serve import granian_options, main
from shared.settings import Settings
from tests.support.api_process import running_api
from tests.support.processes import PATIENCE_SECONDS, wait_until


@pytest.fixture
def refusal(tmp_path, monkeypatch, capsys):
    """Serve with these settings, which must be refused; return status and message."""
    for name in [name for name in os.environ if "IMPASTO" in name]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path))
    monkeypatch.setattr("api.serve.Granian", None)  # nothing is started

    def serve(**settings):
        for name, value in settings.items():
            monkeypatch.setenv(f"IMPASTO_{name}", value)
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, capsys.readouterr().err

    return serve


def test_the_settings_say_where_to_serve_and_how_many_at_once():
    found = granian_options(Settings(host="::1", port=9, api_threads=3, max_streams=4))

    assert (found["address"], found["port"], found["blocking_threads"]) == ("::1", 9, 7)


def test_granian_knows_every_option():
    server = Granian("api.wsgi:app", **granian_options(Settings()))

    assert server.workers == 1


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"PORT": "many"}, "IMPASTO_PORT"),
        ({"HOST": "0.0.0.0"}, "IMPASTO_AUTH=keys"),  # noqa: S104 - refused
    ],
)
def test_settings_that_cannot_be_used_are_named_before_anything_starts(
    refusal, told, said
):
    status, message = refusal(**told)

    assert status == 2
    assert said in message


def test_a_server_without_a_usable_secret_says_so_and_does_not_start(refusal, tmp_path):
    (tmp_path / "secret").touch()

    status, message = refusal()

    assert status == 2
    assert "IMPASTO_SECRET_FILE" in message


def test_a_second_server_on_the_port_is_refused_as_both_would_get_requests(refusal):
    with socket.create_server(("127.0.0.1", 0)) as first:
        port = str(first.getsockname()[1])

        message, _ = refusal(PORT=port)

    assert f"port {port} of 127.0.0.1 is taken" in message


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory, migrated_sqlite):
    """A real server that each test leaves running."""
    home = tmp_path_factory.mktemp("server")
    (home / "impasto.sqlite").write_bytes(migrated_sqlite)
    with running_api(home, f"sqlite:///{home}/impasto.sqlite") as server:
        yield server


def connect(server):
    address = urlsplit(server.url)
    return socket.create_connection((address.hostname, address.port))


def test_a_connection_that_asks_for_nothing_is_closed_after_ten_seconds(shared_server):
    with connect(shared_server) as silent, connect(shared_server) as begun:
        begun.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n")
        for connection in (silent, begun):
            connection.settimeout(PATIENCE_SECONDS)
            assert connection.recv(1000)[:12] in {b"", b"HTTP/1.1 408"}


@pytest.fixture
def silent_senders(shared_server):
    """Connections that announce an upload and then say nothing, more than are read."""
    head = (
        f"POST /v1/jobs HTTP/1.1\r\nHost: {urlsplit(shared_server.url).netloc}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n"
        "Content-Length: 100000\r\n\r\n"
    )
    with ExitStack() as opened:
        senders = []
        for _ in range(Settings().api_threads + 6):
            senders.append(opened.enter_context(connect(shared_server)))
            senders[-1].sendall(head.encode())
        yield senders


def test_silent_senders_leave_threads_for_others(shared_server, silent_senders):
    answered = []

    def refused():
        answered.extend(select(silent_senders, [], [], 0)[0])
        return len(set(answered)) >= len(silent_senders) - Settings().api_threads // 2

    wait_until(refused, shared_server.log)
    # The silent ones hold their threads for longer.
    shared_server.client.timeout = GRACE_SECONDS
    alive = shared_server.get("/livez")
    late = shared_server.client.post("/v1/jobs", files={"content": b"x"})

    assert alive.is_success
    assert (late.status_code, late.json()["code"]) == (503, "busy")
    assert late.headers["Retry-After"]


@pytest.mark.skipif(sys.platform != "linux", reason="prctl")
def test_a_killed_server_leaves_no_process(tmp_path, sqlite_url):
    with running_api(tmp_path, sqlite_url) as server:
        family = psutil.Process(server.process.pid).children(recursive=True)
        assert family

        server.process.kill()

        _, alive = psutil.wait_procs(family, timeout=PATIENCE_SECONDS)
    assert not alive
