"""Bodies of requests: received whole and in time, or the request is refused."""

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

GRACE_SECONDS = 20  # a mobile connection may pause so long
MIN_BYTES_PER_SECOND = 16 * 1024  # of the whole body, after the grace

_MAX_STEP_BYTES = 64  # reading 20 MB in such steps takes 0.2 s of CPU time
_STREAM = "wsgi.input"
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_RECEIVED_AT: dict[int, float] = {}  # end of a body, by the thread that works on it


class BodyStream:
    """Body that must arrive whole and in time.

    The server's read returns only when it has all the bytes that it was asked for, or
    when the connection has ended. So this asks for few at once, for one if they arrive
    slowly, and looks at the clock between: then a sender of single bytes holds a thread
    no longer than it may. One who sends nothing at all is cut off by
    `close_idle_connections`. The server hides errors: a body that breaks off just ends.

    Args:
        stream: Body as the server hands it over.
        length: Content-Length of the request.
    """

    def __init__(self, stream: IO[bytes], length: int) -> None:
        self._stream, self._length, self._received = stream, length, 0
        self._start = time.monotonic()

    def read(self, size: int = -1) -> bytes:
        """Return the next `size` bytes, or all that are left.

        Raises:
            BodyTooSlow: They arrive too slowly.
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
    """Let a block read the body of `request`; a request without one needs no slot.

    Raises:
        ServerBusy: All slots are taken. Waiting for one would hold a thread, too.
        TooManyUploads: All of this owner are taken.
    """
    stream, length = request.environ[_STREAM], request.content_length or 0
    if not length or isinstance(stream, BodyStream):  # the latter: was read before
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
    """Forget the request of this thread, which has been answered."""
    _RECEIVED_AT.pop(get_ident(), None)


def longest_work_seconds() -> float:
    """Return for how long the oldest request with a body has been worked on."""
    return time.monotonic() - min(list(_RECEIVED_AT.values()), default=math.inf)


def require_length() -> None:
    """Refuse a chunked body, as the server does not tell whether it broke off.

    Raises:
        LengthRequired: The body is chunked.
    """
    if request.method not in _SAFE_METHODS and "Transfer-Encoding" in request.headers:
        raise LengthRequired("the body has a Transfer-Encoding and no Content-Length")
