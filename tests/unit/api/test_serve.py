"""The API's process: how granian is set up, how it refuses, what it leaves behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from select import select
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from granian import Granian

import api
from api.http.body import GRACE_SECONDS
from api.serve import granian_options
from shared.settings import Settings
from tests.support.processes import PATIENCE_SECONDS, wait_until

ROOT = Path(api.__file__).parents[1]


def environment(**told):
    inherited = {n: value for n, value in os.environ.items() if "IMPASTO" not in n}
    return {**inherited, **{f"IMPASTO_{name}": value for name, value in told.items()}}


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
def test_settings_that_cannot_be_used_are_named_before_anything_starts(told, said):
    done = subprocess.run(
        [sys.executable, "-m", "api.serve"],
        cwd=ROOT,
        env=environment(**told),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_without_a_usable_secret_says_so_and_does_not_start(tmp_path):
    (tmp_path / "secret").touch()

    done = subprocess.run(
        [sys.executable, "-m", "api.serve"],
        cwd=ROOT,
        env=environment(HOME=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert done.returncode == 2
    assert "IMPASTO_SECRET_FILE" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def server(tmp_path, sqlite_url):
    """A real server on a port of its own: the process, its URL, its log."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    told = {
        "HOME": str(tmp_path),
        "DATABASE_URL": sqlite_url,
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "PORT": str(port),
    }
    log = tmp_path / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "api.serve"],
            cwd=ROOT,
            env=environment(**told),
            stdout=out,
            stderr=out,
        )
    url = f"http://127.0.0.1:{port}"
    wait_until(lambda: is_alive(url), log.read_text)
    yield process, url, log
    process.kill()
    process.wait()


def is_alive(url):
    try:
        return httpx.get(f"{url}/livez").is_success
    except httpx.TransportError:
        return False


def test_a_second_server_on_the_port_is_refused_as_both_would_get_requests(
    server, tmp_path
):
    port = str(urlsplit(server[1]).port)

    done = subprocess.run(
        [sys.executable, "-m", "api.serve"],
        cwd=ROOT,
        env=environment(HOME=str(tmp_path), PORT=port),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert done.returncode == 1
    assert f"port {port} of 127.0.0.1 is taken" in done.stderr


@pytest.mark.parametrize("begun", [b"", b"GET /livez HTTP/1.1\r\nHost: a\r\n"])
def test_a_connection_that_asks_for_nothing_is_closed_after_ten_seconds(server, begun):
    address = urlsplit(server[1])
    with socket.create_connection((address.hostname, address.port)) as silent:
        silent.sendall(begun)
        silent.settimeout(15)

        assert silent.recv(1000)[:12] in {b"", b"HTTP/1.1 408"}


@pytest.fixture
def silent_senders(server):
    """Connections that announce an upload and then say nothing, more than are read."""
    address = urlsplit(server[1])
    head = (
        f"POST /v1/jobs HTTP/1.1\r\nHost: {address.netloc}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n"
        "Content-Length: 100000\r\n\r\n"
    )
    with ExitStack() as opened:
        senders = []
        for _ in range(Settings().api_threads + 6):
            place = (address.hostname, address.port)
            sender = opened.enter_context(socket.create_connection(place))
            sender.sendall(head.encode())
            senders.append(sender)
        yield senders


def test_silent_senders_leave_threads_for_others(server, silent_senders):
    _, url, log = server
    answered = []

    def refused():
        answered.extend(select(silent_senders, [], [], 0)[0])
        return len(set(answered)) >= len(silent_senders) - Settings().api_threads // 2

    wait_until(refused, log.read_text)
    # The silent ones hold their threads for longer.
    alive = httpx.get(f"{url}/livez", timeout=GRACE_SECONDS)
    late = httpx.post(f"{url}/v1/jobs", files={"content": b"x"}, timeout=GRACE_SECONDS)

    assert alive.is_success
    assert (late.status_code, late.json()["code"]) == (503, "busy")
    assert late.headers["Retry-After"]


def test_a_server_starts_without_warnings_and_stops_when_it_is_told(server):
    process, url, log = server

    process.send_signal(signal.SIGTERM)

    assert process.wait(PATIENCE_SECONDS) == 0
    assert "threads" not in log.read_text()
    assert not is_alive(url)


@pytest.mark.skipif(sys.platform != "linux", reason="prctl")
def test_a_killed_server_leaves_no_process(server):
    process, _, _ = server
    family = psutil.Process(process.pid).children(recursive=True)
    assert family

    process.kill()
    process.wait()

    _, alive = psutil.wait_procs(family, timeout=PATIENCE_SECONDS)
    assert not alive
