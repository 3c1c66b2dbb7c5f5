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
from shared.db.database import Database
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


def new_key(sqlite_url):
    database = Database(sqlite_url)
    _, token = issue_key(database, NewKey())
    database.close()
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def keyed(tmp_path, sqlite_url):
    with running_api(tmp_path, sqlite_url, auth="keys") as server:
        yield server


@pytest.mark.parametrize(("path", "kind", "begun"), BEGUN)
def test_slow_uploads_of_one_owner_hold_up_neither_others_nor_its_own_actions(
    keyed, sqlite_url, slow_senders, path, kind, begun
):
    slow, other = new_key(sqlite_url), new_key(sqlite_url)
    for owner in (slow, other):  # the first one of an owner stores pictures
        keyed.client.post("/v1/explorations", json={}, headers=owner)
    job = keyed.client.get("/v1/jobs", headers=slow).json()["data"][0]
    keyed.client.timeout = QUICK_SECONDS

    slow_senders(keyed, path, kind, begun, **slow)

    made = keyed.client.post("/v1/explorations", json={}, headers=other)
    assert made.status_code == 202, made.text
    canceled = keyed.client.post(job["urls"]["cancel"], headers=slow)
    assert canceled.status_code == 200, canceled.text
    assert keyed.client.get("/v1/jobs", headers=slow).status_code == 200
    one_more = keyed.client.post("/v1/explorations", json={}, headers=slow)
    assert (one_more.status_code, one_more.json()["code"]) == (429, "too-many-uploads")
    assert one_more.headers["Retry-After"] == "5"


def test_a_slow_upload_ends_with_408_and_then_its_slot_is_free(
    keyed, sqlite_url, slow_senders
):
    slow, start = new_key(sqlite_url), time.monotonic()
    lines = slow_senders(keyed, *BEGUN[0], **slow)

    answers = []
    for line in lines:
        line.settimeout(PATIENCE_SECONDS)
        with line.makefile("rb") as reader:  # the connection ends after the answer
            head, _, body = reader.read().partition(b"\r\n\r\n")
        answers.append((head.split()[1], json.loads(body)["code"], head.lower()))

    # At a byte a second they would need more than an hour.
    assert time.monotonic() - start > GRACE_SECONDS
    timed_out = [head for status, _, head in answers if status == b"408"]
    assert len(timed_out) == 8
    assert all(b"connection: close" in head for head in timed_out)
    assert {code for _, code, _ in answers} == {"request-timeout", "too-many-uploads"}
    made = keyed.client.post("/v1/explorations", json={}, headers=slow)
    assert made.status_code == 202


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


def test_bodies_of_strangers_are_not_read(keyed, sqlite_url, slow_senders):
    mine = new_key(sqlite_url)
    keyed.client.post("/v1/explorations", json={}, headers=mine)
    for path in ("/session", "/v1/jobs", "/v1/keys", "/v1/explorations"):
        for line in slow_senders(keyed, path, "application/json", b"{"):
            line.settimeout(QUICK_SECONDS)
            assert line.recv(20).startswith(b"HTTP/1.1 401")
    keyed.client.timeout = QUICK_SECONDS

    assert keyed.client.post("/session", headers=mine).status_code == 200
    sent = keyed.client.post("/v1/explorations", json={}, headers=mine)
    assert sent.status_code == 202, sent.text
