"""The API's real process on a port of its own, and streams read as a client would."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx2

import api
from tests.support.processes import PATIENCE_SECONDS, wait_until

ROOT = Path(api.__file__).parents[1]
STREAM = {"Accept": "text/event-stream"}


class Server:
    """A running API."""

    def __init__(self, process, url, log, headers=None):
        self.process, self.url, self._log = process, url, log
        self.client = httpx2.Client(
            base_url=url, headers=headers, timeout=PATIENCE_SECONDS
        )

    def with_headers(self, **headers):
        """The same server, asked with these headers by default."""
        return Server(self.process, self.url, self._log, headers)

    def get(self, path, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(path, headers=named)

    @contextmanager
    def stream(self, path, **headers):
        """Open a stream; yields an iterator of (name, id, data) and of comments."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        opened = self.client.stream("GET", path, headers={**STREAM, **named})
        with opened as response:
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
    """Read a stream up to the event of this name; return all events read."""
    read = []
    for one in stream:
        if isinstance(one, str):  # a comment: nothing happened for a while
            continue
        read.append(one)
        if one[0] == name:
            return read
    raise AssertionError(f"the stream ended without {name}: {read}")


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
    log = Path(home) / f"api-{port}.log"
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
        wait_until(lambda: _answers(server), server.log)
        yield server
    finally:
        server.client.close()
        process.terminate()
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(server):
    assert server.process.poll() is None, server.log()
    try:
        return server.get("/livez").is_success
    except httpx2.TransportError:
        return False
