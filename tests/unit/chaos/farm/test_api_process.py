"""A client of two API servers turns to the other one where the first is silent."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from chaos.farm import api_process
from chaos.farm.api_process import ApiClient


class Server(ThreadingHTTPServer):
    """Answers every request with the next of `answers`, and writes down its key."""

    def __init__(self, *answers):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.keys = list(answers), []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.keys.append(self.headers["Idempotency-Key"])
        status, said = self.server.answers.pop(0)
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def start(monkeypatch):
    monkeypatch.setattr(api_process, "_PAUSE_SECONDS", 0.01)
    servers = []

    def start(*answers):
        servers.append(Server(*answers))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    "first",
    [(503, {}), (409, {"code": "idempotency-in-progress"})],
    ids=["cannot say", "is at it"],
)
def test_a_request_without_an_answer_goes_to_the_other_server(start, first):
    one, other = start(first), start((202, {"id": "job_b"}))
    client = ApiClient(one.url, [other.url])

    answer = client.request_child("job_a", "retry", {})

    client.close()
    assert answer == (202, {"id": "job_b"}, True)
    assert one.keys == other.keys  # the same request, not a second one


def test_a_refusal_is_an_answer(start):
    one, other = start((409, {"code": "invalid-state"})), start()
    client = ApiClient(one.url, [other.url])

    status, _, is_repeated = client.request_child("job_a", "extend", {"iterations": 5})

    client.close()
    assert (status, is_repeated) == (409, False)
    assert other.keys == []
