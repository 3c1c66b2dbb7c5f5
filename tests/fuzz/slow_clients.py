"""Senders who begin a body and fall silent: others must be answered all the same."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import httpx2

from tests.fuzz.server import png

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fuzz.server import Farm

SENDERS = 60  # more than the server has threads
_QUICK_SECONDS = 5.0
_FORM = "multipart/form-data; boundary=x"
_BEGUN = {
    "/v1/assets": (
        _FORM,
        b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n',
    ),
    "/v1/jobs": ("application/json", b'{"content":'),
    "/v1/explorations": ("application/json", b'{"layers":'),
    "/session": ("application/json", b'{"key":'),
}


def silent_senders(farm: Farm) -> Iterator[str]:
    """Let many begin each kind of body, on a server that asks for keys or not.

    Yields:
        What went wrong.
    """
    for path, (kind, begun) in _BEGUN.items():
        with ExitStack() as stack:
            for _ in range(SENDERS):
                line = socket.create_connection(("127.0.0.1", farm.port), 10)
                stack.callback(line.close)
                line.sendall(_head(farm, path, kind) + begun)
            time.sleep(0.5)
            for wrong in _others(farm):
                yield f"{SENDERS} silent senders of {path}: {wrong}"
        for wrong in _afterwards(farm):
            yield f"after silent senders of {path}: {wrong}"


def _head(farm: Farm, path: str, kind: str) -> bytes:
    headers = {
        "Host": "localhost", "Content-Type": kind, "Content-Length": "5000",
        **farm.bearer,
    }  # fmt: skip
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode()


def _others(farm: Farm) -> Iterator[str]:
    try:
        with httpx2.Client(base_url=farm.server.url, timeout=_QUICK_SECONDS) as client:
            if client.get("/livez").status_code != 200:
                yield "the server does not live"
            if client.get("/v1/jobs", headers=farm.bearer).status_code != 200:
                yield "the list cannot be read"
            answer = client.post("/v1/assets", headers=farm.bearer, files=_picture())
            busy = answer.status_code in {429, 503} and "retry-after" in answer.headers
            if not (answer.is_success or busy):
                yield f"an upload got {answer.status_code}"
    except httpx2.TimeoutException as error:
        yield f"nobody else is answered within {_QUICK_SECONDS} s ({error!r})"


def _afterwards(farm: Farm) -> Iterator[str]:
    """They hang up: then there is room again."""
    deadline = time.monotonic() + 10
    with httpx2.Client(base_url=farm.server.url, timeout=10) as client:
        while time.monotonic() < deadline:
            answer = client.post("/v1/assets", headers=farm.bearer, files=_picture())
            if answer.is_success:
                return
            time.sleep(0.1)
    yield "no upload is taken any more"


def _picture():
    return {"file": ("a.png", png("red"))}
