"""Thread that closes idle connections, so that they occupy no threads (Linux only)."""

from __future__ import annotations

import os
import socket
import struct
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from api.http.body import longest_work_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHECK_SECONDS = 10
_LAST_SENT_AND_RECEIVED = struct.Struct("=44xI4xI")  # struct tcp_info, linux/tcp.h: ms


def watch_idle_connections(limit_seconds: float) -> None:
    """Start a thread that closes connections after `limit_seconds` without traffic."""

    def watch() -> None:
        while True:
            time.sleep(_CHECK_SECONDS)
            close_idle_connections(limit_seconds)

    Thread(target=watch, name="idle-connections", daemon=True).start()


def close_idle_connections(limit_seconds: float) -> None:
    """Close accepted connections without traffic for so long.

    A thread that reads a body, or writes to a client that does not read, waits in the
    server's code, which has no timeout and does not name the connection. A connection
    also has no traffic while its request with many pictures is processed, so the limit
    is at least the age of the oldest such request.
    """
    limit_seconds = max(limit_seconds, longest_work_seconds() + _CHECK_SECONDS)
    listening = {s.getsockname()[1] for s in _tcp_sockets() if _is_listening(s)}
    for connection in _tcp_sockets():
        with suppress(OSError):  # the connection has ended meanwhile
            is_accepted = connection.getsockname()[1] in listening
            if is_accepted and not _is_listening(connection):
                size = _LAST_SENT_AND_RECEIVED.size
                info = connection.getsockopt(socket.SOL_TCP, socket.TCP_INFO, size)
                if min(_LAST_SENT_AND_RECEIVED.unpack(info)) > limit_seconds * 1000:
                    connection.shutdown(socket.SHUT_RDWR)


def _tcp_sockets() -> Iterator[socket.socket]:
    """Yield a duplicate of each TCP socket of this process, and close it afterwards."""
    for path in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the socket was closed meanwhile
            if not path.readlink().name.startswith("socket:"):
                continue
            number = os.dup(int(path.name))
            try:
                duplicate = socket.socket(fileno=number)
            except OSError:
                os.close(number)  # a file has taken the number of the socket
                continue
            with duplicate:
                if duplicate.proto == socket.IPPROTO_TCP:
                    yield duplicate


def _is_listening(connection: socket.socket) -> bool:
    return bool(connection.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
