"""A stand-in for the server: real HTTP on loopback, answers told by the test."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def job(state="queued", **more):
    """A job object as the server sends it."""
    return {"id": "job_" + "0" * 25 + "1", "state": state, "object": "job", **more}


def problem(code, **more):
    return {
        "type": f"/problems/{code}",
        "code": code,
        "detail": f"it is {code}",
        **more,
    }


@dataclass
class Answer:
    """One HTTP answer."""

    status: int = 200
    body: object = field(default_factory=dict)
    headers: dict = field(default_factory=dict)

    @property
    def content(self):
        if self.status == 304:
            return b""
        return (
            self.body
            if isinstance(self.body, bytes)
            else json.dumps(self.body).encode()
        )


class FarmOfJobs:
    """Answers each path from its own list; the last answer is repeated.

    Attributes:
        seen: (method, path, headers, body) of each request.
    """

    def __init__(self, url):
        self.url = url
        self.forget()

    def forget(self):
        """Begin anew, for another test."""
        self.seen = []
        self._answers = {}

    def answers(self, request, *answers):
        """Say what `"GET /v1/jobs"` is answered with, in order."""
        self._answers[request] = list(answers)

    def take(self, request):
        waiting = self._answers.get(request) or [Answer(404, problem("not-found"))]
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]


@contextmanager
def serving():
    """Serve a FarmOfJobs on a free port of loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.farm = FarmOfJobs(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}
    )
    thread.start()
    try:
        yield server.farm
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def _answer(self):
        farm = self.server.farm
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        farm.seen.append((self.command, self.path, dict(self.headers), body))
        answer = farm.take(f"{self.command} {path}")
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if "Content-Type" not in answer.headers:
            is_file = isinstance(answer.body, bytes)
            self.send_header(
                "Content-Type", "image/*" if is_file else "application/json"
            )
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = _answer  # noqa: N815 - the names http.server looks for
    do_POST = _answer  # noqa: N815 - same
    do_PATCH = _answer  # noqa: N815 - same
    do_DELETE = _answer  # noqa: N815 - same

    def log_message(self, *_):
        """Say nothing: a test's output is its own."""
