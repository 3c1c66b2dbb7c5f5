"""The API's real process on a port of its own, and streams read as a client would."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx2

import api

ROOT = Path(api.__file__).parents[1]
STREAM = {"Accept": "text/event-stream"}
_READY_SECONDS = 60


class Server:
    """A running API."""

    def __init__(self, process, url, log):
        self.process, self.url, self._log = process, url, log
        self.client = httpx2.Client(base_url=url, timeout=30)

    def get(self, path, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(path, headers=named)

    @contextmanager
    def stream(self, path, **headers):
        """Open a stream; yields an iterator of (name, id, data) and of comments."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with httpx2.stream(
            "GET", self.url + path, headers={**STREAM, **named}, timeout=30
        ) as response:
            response.raise_for_status()
            yield events(response.iter_lines())

    def log(self):
        return self._log.read_text()


def events(lines):
    """Read a stream's lines: events as (name, id, data), comments as their text."""
    fields = {}
    for line in lines:
        if line.startswith(":"):
            yield line
        elif line:
            name, _, value = line.partition(": ")
            fields[name] = value
        else:  # each block is an event: some clients report any other as an empty one
            yield fields["event"], fields.get("id"), json.loads(fields["data"])
            fields = {}


def until(stream, name):
    """Read a stream up to the event of this name; return all that was read."""
    read = []
    for one in stream:
        read.append(one)
        if one[0] == name:
            return read
    raise AssertionError(f"the stream ended without {name}: {read}")


def wait_for(condition):
    """Wait until it holds; 20 s at most."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def running_api(home, database_url, **settings):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    told = {
        "home": home, "database_url": database_url, "port": port,
        "redis_url": "redis://127.0.0.1:1/0", **settings,
    }  # fmt: skip
    clean = {n: value for n, value in os.environ.items() if "IMPASTO" not in n}
    named = {f"IMPASTO_{name.upper()}": str(value) for name, value in told.items()}
    log = Path(home) / "api.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "api.serve"],
            cwd=ROOT,
            env={**clean, **named},
            stdout=out,
            stderr=out,
        )
    server = Server(process, f"http://127.0.0.1:{port}", log)
    try:
        _wait_ready(server)
        yield server
    finally:
        server.client.close()
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_ready(server):
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            server.get("/livez")
        except httpx2.TransportError:
            assert server.process.poll() is None, server.log()
            assert time.monotonic() < deadline, server.log()
            time.sleep(0.05)
        else:
            return
