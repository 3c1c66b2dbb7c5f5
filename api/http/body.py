"""Reception of request bodies; incomplete and slow bodies are refused."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from io import BytesIO
from threading import get_ident
from typing import IO, TYPE_CHECKING

from flask import g, request

from api.dependencies import current_dependencies
from shared.errors import BodyTooSlow, IncompleteBody, LengthRequired

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.wrappers import Request

GRACE_SECONDS = 20  # since a mobile connection may pause for so long
MIN_BYTES_PER_SECOND = 16 * 1024  # average over the whole body, after the grace period

_MAX_STEP_BYTES = 64  # reading 20 MB in such steps takes 0.2 s of CPU time
_STREAM = "wsgi.input"
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_RECEIVED_AT: dict[int, float] = {}  # end of the body by thread


class BodyStream:
    """Stream of a body that raises an error if the body is incomplete or slow.

    The server's read returns only when it has all requested bytes, or when the
    connection has ended. So this stream reads a few bytes at once, a single byte if
    they arrive slowly, and compares the time after each read. A sender of single bytes
    so occupies a thread for a limited time. `close_idle_connections` closes connections
    that send nothing at all. The server reports no error for an incomplete body, which
    just ends.

    Args:
        stream: Body from the server.
        length: Content-Length of the request.
    """

    def __init__(self, stream: IO[bytes], length: int) -> None:
        self._stream, self._length, self._received = stream, length, 0
        self._start = time.monotonic()

    def read(self, size: int = -1) -> bytes:
        """Return the next `size` bytes, or all that are left.

        Raises:
            BodyTooSlow: The bytes arrive too slowly.
            IncompleteBody: The body ended before its announced length.
        """
        left = self._length - self._received
        length = left if size < 0 else min(size, left)
        data = bytearray()
        while len(data) < length:
            elapsed = time.monotonic() - self._start
            if elapsed > GRACE_SECONDS + self._received / MIN_BYTES_PER_SECOND:
                self._stream = BytesIO()  # so that the server closes the connection
                raise BodyTooSlow(
                    f"{self._received:,} of {self._length:,} bytes arrived in "
                    f"{elapsed:.0f} s; after {GRACE_SECONDS} s, a body must arrive at "
                    f"{MIN_BYTES_PER_SECOND:,} bytes/s"
                )
            per_second = int(self._received / (1 + elapsed))
            step = min(_MAX_STEP_BYTES, 1 + per_second, length - len(data))
            piece = self._stream.read(step)
            if not piece:
                raise IncompleteBody(
                    f"it ended after {self._received:,} of {self._length:,} bytes"
                )
            data += piece
            self._received += len(piece)
        return bytes(data)


@contextmanager
def body_slot(request: Request) -> Iterator[None]:
    """Let a block read the body of `request`, with a slot if there is a body.

    Raises:
        ServerBusy: All slots are taken. A wait for a slot would occupy a thread, too.
        TooManyUploads: All slots of this owner are taken.
    """
    stream, length = request.environ[_STREAM], request.content_length or 0
    if not length or isinstance(stream, BodyStream):  # a BodyStream was read before
        yield
        return
    release = current_dependencies().upload_slots.take(g.caller.owner_id)
    request.environ[_STREAM] = BodyStream(stream, length)
    try:
        yield
    finally:
        release()
        _RECEIVED_AT[get_ident()] = time.monotonic()


def end_work() -> None:
    """Delete the time of the request of this thread, which was answered."""
    _RECEIVED_AT.pop(get_ident(), None)


def longest_work_seconds() -> float:
    """Return the seconds since the oldest unanswered request has received its body."""
    return time.monotonic() - min(list(_RECEIVED_AT.values()), default=math.inf)


def require_length() -> None:
    """Refuse a chunked body, since the server does not report whether it is complete.

    Raises:
        LengthRequired: The body is chunked.
    """
    if request.method not in _SAFE_METHODS and "Transfer-Encoding" in request.headers:
        raise LengthRequired("the body has a Transfer-Encoding and no Content-Length")
