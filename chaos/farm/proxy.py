"""TCP proxy in front of a server: it cuts connections or leaves them half open."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_CHUNK_BYTES = 65536
_RESET = struct.pack("ii", 1, 0)  # linger for no time: close() sends RST


@dataclass(eq=False, slots=True)
class _Line:
    """Connection of a client, and the proxy's connection to the server."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    is_dead: bool = False  # half open: neither side gets a FIN or RST


class Proxy:
    """Proxy thread that listens on 127.0.0.1 and forwards to a Unix socket.

    Attributes:
        port: Port that it listens on, after `start`.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._lines: set[_Line] = set()
        self._is_silent = False
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self.port = 0

    def start(self) -> None:
        """Listen on a free port."""
        serving = asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._server = self._loop.run_until_complete(serving)
        self.port = self._server.sockets[0].getsockname()[1]
        self._thread.start()

    def stop(self) -> None:
        """Cut all connections and end the thread."""
        self._do(self._reset)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def reset(self) -> None:
        """Cut every connection with RST."""
        self._do(self._reset)

    def abandon(self) -> None:
        """Leave every connection half open: both ends believe that it works.

        Messages that Redis sends to such a connection are lost.
        """
        for line in tuple(self._lines):
            line.is_dead = True

    def switch(self, target: Path) -> None:
        """Cut every connection, and forward new ones to another socket."""
        self._target = target
        self.reset()

    def silence(self, *, wanted: bool) -> None:
        """Start or stop discarding the bytes of all connections, also of new ones."""
        self._is_silent = wanted

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        if self._server is not None:
            self._server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))

    def _do(self, work: Callable[[], None]) -> None:
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (work(), done.set()))
        done.wait(timeout=5)

    def _reset(self) -> None:
        for line in tuple(self._lines):
            _abort(line.client)
            line.server.transport.abort()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            back, server = await asyncio.open_unix_connection(self._target)
        except OSError:
            _abort(writer)
            return
        line = _Line(writer, server)
        self._lines.add(line)
        with suppress(asyncio.CancelledError):  # at the very end
            await self._join(line, reader, back)

    async def _join(
        self, line: _Line, reader: asyncio.StreamReader, back: asyncio.StreamReader
    ) -> None:
        writer, server = line.client, line.server
        try:
            await asyncio.gather(
                self._pump(line, reader, server), self._pump(line, back, writer)
            )
        finally:
            self._lines.discard(line)
            server.transport.abort()
            writer.transport.abort()

    async def _pump(
        self, line: _Line, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        """Forward bytes until the source ends; discarded bytes never arrive."""
        with suppress(OSError):
            while data := await source.read(_CHUNK_BYTES):
                if self._is_silent:
                    line.is_dead = True  # bytes are missing: nothing may follow them
                if not line.is_dead:
                    sink.write(data)
                    await sink.drain()
        if not line.is_dead:
            sink.transport.abort()


def _abort(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
