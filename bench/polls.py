"""Benchmark of polls, compared with a plain Flask view: `make bench-api`.

Requests take turns in rounds, so that other load on the machine slows all of them.
There are two figures for each: requests per second of one client without concurrency,
and CPU seconds of the server per request, without the client. The ratio of the latter
says how many polls a busy server can answer instead of one plain view.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import httpx2
import psutil

from bench.databases import postgresql, sqlite
from bench.poll_server import TINY
from shared.auth.api_keys import NewKey, Scope, issue_key
from shared.db.database import Database
from shared.db.migrate import migrate
from shared.jobs.claim import Device, claim_job
from shared.jobs.lease import renew_lease

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS, REQUESTS = 9, 2000
_READY_SECONDS = 60
_DEVICE = Device("wkr_1", "cpu", 10**12)
_PROGRESS = {
    "phase": "optimizing", "scale": 1, "width": 256, "height": 128, "iteration": 110,
    "scale_iteration": 10, "losses": {"total": 2.0, "content": 1.5, "style": 0.5,
    "tv": 0.0}, "seconds_per_mpx_iteration": 2.0, "elapsed_seconds": 61.6,
    "iteration_seconds": [0.02, 0.07, 0.3], "updated_at": 1_800_000_000.0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Poll:
    """Request that is repeated, and the expected status."""

    name: str
    goal: float | None
    status: int
    request: bytes


class Server:
    """Server process that runs."""

    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.port, self.process = port, process

    def cpu_seconds(self) -> float:
        """Return the user and system time of the process so far."""
        parent = psutil.Process(self.process.pid)
        spent = [one.cpu_times() for one in (parent, *parent.children(recursive=True))]
        return sum(times.user + times.system for times in spent)


@contextmanager
def run_server(home: Path, url: str) -> Iterator[Server]:
    """Run the server with API keys and without rate limits."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    told = {
        "HOME": home, "DATABASE_URL": url, "PORT": port, "AUTH": "keys",
        "REDIS_URL": "redis://127.0.0.1:1/0", "REQUESTS_PER_MINUTE": 0,
        "LOG_LEVEL": "ERROR",
    }  # fmt: skip
    named = {f"IMPASTO_{name}": str(value) for name, value in told.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.poll_server"], env=os.environ | named
    )
    try:
        _wait(port)
        yield Server(port, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _wait(port: int) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            httpx2.get(f"http://127.0.0.1:{port}/livez")
        except httpx2.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def list_polls(database: Database, port: int) -> list[Poll]:
    """Create a running job, and return the polls of it."""
    key = issue_key(database, NewKey(scopes=frozenset(Scope)))[1]
    bearer = {"Authorization": f"Bearer {key}"}
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers=bearer) as client:
        made = client.post("/v1/explorations", json={"name": "polled"})
        claim = claim_job(database, _DEVICE, "n", 3600)
        if claim is None:
            raise RuntimeError(made.text)
        renew_lease(database, claim, 3600, 110, _PROGRESS)
        path = made.json()["urls"]["self"]
        etag = client.get(path).headers["ETag"]
    own = f"Authorization: Bearer {key}\r\n"
    return [
        Poll("plain Flask view", None, 200, _request(f"{TINY}/", "")),
        Poll("304", 0.35, 304, _request(path, f"{own}If-None-Match: {etag}\r\n")),
        Poll("200", 0.2, 200, _request(path, own)),
    ]


def _request(path: str, headers: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode()


def send_polls(line: socket.socket, poll: Poll, times: int) -> float:
    """Send a poll `times` times on one connection; return the seconds."""
    began = time.perf_counter()
    for _ in range(times):
        line.sendall(poll.request)
        _read(line, poll)
    return time.perf_counter() - began


def _read(line: socket.socket, poll: Poll) -> None:
    """Read one response, with as little work as possible in the client."""
    data = line.recv(65536)
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += line.recv(65536)
    if int(data[9:12]) != poll.status:
        raise RuntimeError(data.decode())
    at = data.lower().find(b"content-length: ", 0, end)
    if at >= 0 and poll.status != 304:  # noqa: PLR2004 - 304 has no body
        size = int(data[at + 16 : data.index(b"\r", at)])
        while len(data) < end + 4 + size:
            data += line.recv(65536)


def measure(server: Server, polls: list[Poll]) -> list[tuple[float, float]]:
    """Return the medians of (requests per second, CPU microseconds per request)."""
    taken: list[list[tuple[float, float]]] = [[] for _ in polls]
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(ROUNDS):
            for poll, figures in zip(polls, taken, strict=True):
                before = server.cpu_seconds()
                seconds = send_polls(line, poll, REQUESTS)
                spent = server.cpu_seconds() - before
                figures.append((REQUESTS / seconds, 1e6 * spent / REQUESTS))
    return [(median(a for a, _ in one), median(b for _, b in one)) for one in taken]


def report(name: str, polls: list[Poll], found: list[tuple[float, float]]) -> None:
    """Print the table of bench/README.md."""
    plain_rate, plain_cpu = found[0]
    lines = [f"| {name} | per s | of plain | CPU us | plain's over it | goal |  |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- |")
    for poll, (rate, cpu) in zip(polls, found, strict=True):
        ratio, goal = plain_cpu / cpu, poll.goal
        told = "none |" if goal is None else f"{goal} | {_format_ratio(ratio, goal)}"
        lines.append(
            f"| {poll.name} | {rate:.0f} | {rate / plain_rate:.2f} | {cpu:.0f} "
            f"| {ratio:.2f} | {told} |"
        )
    sys.stdout.write("\n".join(lines) + "\n")


def _format_ratio(ratio: float, goal: float) -> str:
    return "met" if ratio >= goal else "missed"


def main() -> None:
    """Measure on SQLite and on PostgreSQL."""
    for name, opened in (("SQLite", sqlite), ("PostgreSQL", postgresql)):
        with opened() as url, tempfile.TemporaryDirectory() as home:
            migrate(url)
            database = Database(url)
            try:
                with run_server(Path(home), url) as server:
                    polls = list_polls(database, server.port)
                    report(name, polls, measure(server, polls))
            finally:
                database.close()


if __name__ == "__main__":
    main()
