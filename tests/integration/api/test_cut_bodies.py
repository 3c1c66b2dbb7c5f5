"""A request whose body breaks off is refused, and changes nothing."""

from __future__ import annotations

import http.client
import json
import socket

import pytest
from sqlalchemy import create_engine, text

from shared.auth.api_keys import NewKey, Scope, issue_key
from tests.support.images import encode, picture

PNG = encode(picture(), "PNG")
FORM = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    + PNG
    + b"\r\n--x--\r\n"
)
MULTIPART, JSON = "multipart/form-data; boundary=x", "application/json"
CHUNKED = "Transfer-Encoding: chunked"
ACTIONS = ["cancel", "pause", "resume", "finish", "retry", "fork", "extend"]


class Farm:
    """A server with keys and one waiting job."""

    def __init__(self, server, database):
        self.server = server
        self.engine = create_engine(database.url)
        scopes = frozenset({Scope.READ, Scope.WRITE, Scope.KEYS})
        key, self.token = issue_key(database, NewKey(scopes=scopes))
        self.owner_id = key.owner_id
        self.bearer = {"Authorization": f"Bearer {self.token}"}
        made = server.client.post("/v1/explorations", json={}, headers=self.bearer)
        self.job = made.json()["urls"]["self"]

    def send(self, method, path, kind, length, sent, *, end=True):
        """Send a request, then nothing more; return status and problem.

        With `end`, the server is told that no more will come, as by one who hangs up.
        """
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
            f"Authorization: Bearer {self.token}\r\nIf-Match: 1\r\n{length}\r\n\r\n"
        )
        port = int(self.server.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), 20) as connection:
            connection.sendall(head.encode() + sent)
            if end:
                connection.shutdown(socket.SHUT_WR)
            response = http.client.HTTPResponse(connection, method=method)
            response.begin()
            return response.status, json.loads(response.read())

    def rows(self):
        """What the owner has: maintenance runs, and other tests have left jobs."""
        counted = ("jobs", "api_keys", "assets", "idempotency_keys")
        events = "job_events JOIN jobs ON jobs.id = job_events.job_id"
        owner = {"owner": self.owner_id}
        with self.engine.connect() as connection:

            def select(what, table):
                query = f"SELECT {what} FROM {table} WHERE owner_id = :owner"  # noqa: S608
                return connection.execute(text(query), owner).all()

            counts = [select("count(*)", table) for table in (*counted, events)]
            return counts, select("state, revision, name", "jobs")


@pytest.fixture(scope="module")
def farm(sqlite_server):
    farm = Farm(*sqlite_server)
    yield farm
    farm.engine.dispose()
    farm.server.client.post(f"{farm.job}/cancel", headers=farm.bearer)


@pytest.mark.parametrize(
    ("action", "sent"),
    [
        *((action, b'{"purge"') for action in ACTIONS),
        *(("cancel", sent) for sent in (b"", b"{}", b'{"purge": true}')),
    ],
)
def test_a_cut_action_is_not_obeyed(farm, action, sent):
    before = farm.rows()

    status, problem = farm.send(
        "POST", f"{farm.job}/{action}", JSON, "Content-Length: 16", sent
    )

    assert (status, problem["code"]) == (400, "incomplete-body")
    assert problem["retryable"] is True
    assert f"{len(sent)} of 16 bytes" in problem["detail"]
    assert farm.rows() == before


@pytest.mark.parametrize(
    ("method", "path", "kind", "sent"),
    [
        ("POST", "/v1/keys", JSON, b"{}"),
        ("POST", "/v1/explorations", JSON, b"{}"),
        ("PATCH", "{job}", JSON, b'{"name": "cut"}'),
        ("POST", "/v1/assets", MULTIPART, FORM[:-20]),
        ("POST", "/v1/assets", MULTIPART, FORM),
        ("POST", "/v1/jobs", MULTIPART, FORM[:40]),
    ],
)
def test_a_cut_body_makes_nothing(farm, method, path, kind, sent):
    before = farm.rows()

    status, problem = farm.send(
        method,
        path.format(job=farm.job),
        kind,
        f"Content-Length: {len(sent) + 1}",
        sent,
    )

    assert (status, problem["code"]) == (400, "incomplete-body")
    assert farm.rows() == before


@pytest.mark.parametrize(
    ("method", "path", "kind", "sent"),
    [
        ("POST", "{job}/cancel", JSON, b"2\r\n{}\r\n"),  # without its end
        ("PATCH", "{job}", JSON, b"2\r\n{}\r\nzz\r\n"),  # no size
        ("DELETE", "{job}", JSON, b"2\r\n{}\r\n5\r\n12\r\n0\r\n\r\n"),  # another size
        # Whole, which the server cannot tell apart:
        ("POST", "/v1/keys", JSON, b"2\r\n{}\r\n0\r\n\r\n"),
        ("POST", "/v1/assets", MULTIPART, b"%x\r\n%b\r\n0\r\n\r\n" % (len(FORM), FORM)),
    ],
)
def test_a_chunked_body_is_refused_unread(farm, method, path, kind, sent):
    before = farm.rows()

    status, problem = farm.send(
        method, path.format(job=farm.job), kind, CHUNKED, sent, end=False
    )

    assert (status, problem["code"]) == (411, "length-required")
    assert "Content-Length" in problem["hint"]
    assert farm.rows() == before


def test_a_key_is_not_made_without_a_body(farm):
    before = farm.rows()

    refused = farm.server.client.post("/v1/keys", headers=farm.bearer)

    assert (refused.status_code, refused.json()["code"]) == (400, "malformed-json")
    assert "never expires" in refused.json()["hint"]
    assert farm.rows() == before


def test_an_action_needs_no_body(farm):
    made = farm.server.client.post("/v1/explorations", json={}, headers=farm.bearer)

    for action in ("pause", "resume", "cancel"):
        url = f"{made.json()['urls']['self']}/{action}"
        assert farm.server.client.post(url, headers=farm.bearer).is_success


def test_a_whole_body_is_obeyed(farm):
    answer = farm.server.client.post(
        "/v1/assets", files={"file": PNG}, headers=farm.bearer
    )

    assert answer.status_code == 201
