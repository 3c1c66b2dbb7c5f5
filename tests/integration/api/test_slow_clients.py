"""Who sends a body slowly or not at all holds few threads, and not for long."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import ExitStack, suppress

import pytest

from api.http.body import GRACE_SECONDS
from shared.auth.api_keys import NewKey, issue_key
from tests.support.api_process import running_api
from tests.support.processes import PATIENCE_SECONDS, wait_until

SENDERS = 40  # more than there are slots
QUICK_SECONDS = GRACE_SECONDS - 5  # then the slow ones are told to go
BEGUN = [
    ("/v1/assets", "multipart/form-data; boundary=x", b"--x\r\n"),
    ("/v1/jobs", "application/json", b'{"content":'),
    ("/v1/explorations", "application/json", b'{"layers":'),
]


def begin(server, path, kind, begun, **headers):
    """Begin a request whose body does not come."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n{lines}"
        "Content-Length: 5000\r\n\r\n"
    )
    line = socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])))
    line.sendall(head.encode() + begun)
    return line


def trickle(lines, ended):
    """Send one byte each second on each of these connections."""
    while not ended.wait(1):
        for line in lines:
            with suppress(OSError):  # it was refused
                line.send(b"x")


@pytest.fixture
def slow_senders():
    """Starts many slow uploads, which end with the test."""
    with ExitStack() as stack:

        def start(server, path, kind, begun, **headers):
            lines = [
                stack.enter_context(begin(server, path, kind, begun, **headers))
                for _ in range(SENDERS)
            ]
            ended = threading.Event()
            thread = threading.Thread(target=trickle, args=(lines, ended))
            thread.start()
            stack.callback(thread.join)
            stack.callback(ended.set)
            time.sleep(0.5)  # until they have taken what they can
            return lines

        yield start


def new_key(database):
    _, token = issue_key(database, NewKey())
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def asked(shared_server):
    """A server with keys whose answers must come quickly, and its database."""
    server, database = shared_server
    quick = server.with_headers()
    quick.client.timeout = QUICK_SECONDS
    yield quick, database
    quick.client.close()


def test_slow_uploads_of_some_owners_hold_up_neither_others_nor_their_own_actions(
    asked, slow_senders
):
    """And they end: at a byte a second they would need more than an hour."""
    server, database = asked
    other, *slow = (new_key(database) for _ in range(1 + len(BEGUN)))
    jobs = [
        server.client.post("/v1/explorations", json={}, headers=owner).json()
        for owner in slow
    ]

    start = time.monotonic()
    lines = [slow_senders(server, *BEGUN[n], **slow[n]) for n in range(len(BEGUN))]

    made = server.client.post("/v1/explorations", json={}, headers=other)
    assert made.status_code == 202, made.text
    for owner, job in zip(slow, jobs, strict=True):
        canceled = server.client.post(job["urls"]["cancel"], headers=owner)
        assert canceled.status_code == 200, canceled.text
        assert server.client.get("/v1/jobs", headers=owner).status_code == 200
        more = server.client.post("/v1/explorations", json={}, headers=owner)
        assert (more.status_code, more.json()["code"]) == (429, "too-many-uploads")
        assert more.headers["Retry-After"] == "5"

    answers = [read_answer(line) for line in lines[0]]

    assert time.monotonic() - start > GRACE_SECONDS
    timed_out = [head for status, _, head in answers if status == b"408"]
    assert len(timed_out) == 8
    assert all(b"connection: close" in head for head in timed_out)
    assert {code for _, code, _ in answers} == {"request-timeout", "too-many-uploads"}
    made = server.client.post("/v1/explorations", json={}, headers=slow[0])
    assert made.status_code == 202


def read_answer(line):
    """(status, code, head) of the answer after which a connection ends."""
    line.settimeout(PATIENCE_SECONDS)
    with line.makefile("rb") as reader:
        head, _, body = reader.read().partition(b"\r\n\r\n")
    return head.split()[1], json.loads(body)["code"], head.lower()


def test_without_keys_uploads_leave_threads_for_all_else(
    tmp_path, sqlite_url, slow_senders
):
    with running_api(tmp_path, sqlite_url, api_threads=4, max_streams=2) as server:
        job = server.client.post("/v1/explorations", json={}).json()
        server.client.timeout = QUICK_SECONDS
        lines = slow_senders(server, *BEGUN[1])

        assert server.get("/livez").status_code == 200
        assert server.get("/v1/jobs").status_code == 200
        assert server.client.post(job["urls"]["cancel"]).status_code == 200
        busy = server.client.post("/v1/explorations", json={})
        assert busy.status_code == 503
        assert busy.headers["Retry-After"]

        for line in lines:
            line.shutdown(socket.SHUT_RDWR)

        def is_accepted():
            return server.client.post("/v1/explorations", json={}).status_code == 202

        wait_until(is_accepted, lambda: "they hung up, and hold their slots")


def test_bodies_of_strangers_are_not_read(asked, slow_senders):
    server, database = asked
    mine = new_key(database)
    for path in ("/session", "/v1/jobs", "/v1/keys", "/v1/explorations"):
        for line in slow_senders(server, path, "application/json", b"{"):
            line.settimeout(QUICK_SECONDS)
            assert line.recv(20).startswith(b"HTTP/1.1 401")

    assert server.client.post("/session", headers=mine).status_code == 200
    sent = server.client.post("/v1/explorations", json={}, headers=mine)
    assert sent.status_code == 202, sent.text
