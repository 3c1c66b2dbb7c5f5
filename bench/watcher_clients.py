"""Clients that watch one job, on plain sockets, so that they use little CPU."""

from __future__ import annotations

import asyncio
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

_RETRY_AFTER = re.compile(rb"retry-after: (\d+)", re.IGNORECASE)
_ETAG = re.compile(rb"etag: (\S+)", re.IGNORECASE)
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ClientLoad:
    """Load by clients that watch a job.

    Attributes:
        name: Name in the report.
        pollers: Number of clients that poll with the last ETag.
        streams: Number of clients with an open stream.
        every_seconds: Time between polls; None for that of Retry-After.
    """

    name: str
    pollers: int = 0
    streams: int = 0
    every_seconds: float | None = None


@dataclass(slots=True)
class Received:
    """Numbers of responses and events that clients received."""

    requests: int = 0
    events: int = 0


class _Endpoint:
    """Address of the job, and the API key."""

    def __init__(self, url: str, key: str, path: str) -> None:
        at = urlsplit(url)
        self.host, self.port = at.hostname, at.port
        self._path, self._key = path, key

    def request(self, more: str, below: str = "") -> bytes:
        return (
            f"GET {self._path}{below} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n"
            f"Authorization: Bearer {self._key}\r\n{more}\r\n"
        ).encode()


@contextmanager
def run_clients(url: str, key: str, path: str, crowd: ClientLoad) -> Iterator[Received]:
    """Run clients that watch the job at `path`, in a separate thread.

    Raises:
        RuntimeError: A client got an unexpected response.
    """
    told, loop = Received(), asyncio.new_event_loop()
    everyone = loop.create_task(_watch(_Endpoint(url, key, path), crowd, told))
    thread = threading.Thread(target=_run, args=(loop, everyone))
    thread.start()
    try:
        yield told
    finally:
        over = everyone.done()
        loop.call_soon_threadsafe(everyone.cancel)
        thread.join()
        loop.close()
    if over:
        raise RuntimeError("someone left") from everyone.exception()


def _run(loop: asyncio.AbstractEventLoop, everyone: asyncio.Task[None]) -> None:
    asyncio.set_event_loop(loop)
    loop.run_until_complete(asyncio.wait([everyone]))


async def _watch(place: _Endpoint, crowd: ClientLoad, told: Received) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.Event().wait())  # keeps the group open
        for number in range(crowd.pollers):
            late = (crowd.every_seconds or 2.0) * number / crowd.pollers
            group.create_task(_poll(place, told, late, crowd.every_seconds))
        for _ in range(crowd.streams):
            group.create_task(_follow(place, told))


async def _poll(
    place: _Endpoint, told: Received, late: float, every_seconds: float | None
) -> None:
    await asyncio.sleep(late)  # clients do not start all at once
    reader, writer = await asyncio.open_connection(place.host, place.port)
    known = b""
    while True:
        more = f"If-None-Match: {known.decode()}\r\n" if known else ""
        writer.write(place.request(more))
        head = await reader.readuntil(b"\r\n\r\n")
        if head[9:12] not in {b"200", b"304"}:
            raise RuntimeError(head.decode())
        length = _LENGTH.search(head)
        if head[9:12] == b"200" and length:
            await reader.readexactly(int(length[1]))
        told.requests += 1
        etag, wait = _ETAG.search(head), _RETRY_AFTER.search(head)
        known = etag[1] if etag else b""
        seconds = float(wait[1]) if wait and every_seconds is None else every_seconds
        await asyncio.sleep(seconds or 1.0)


async def _follow(place: _Endpoint, told: Received) -> None:
    reader, writer = await asyncio.open_connection(place.host, place.port)
    writer.write(place.request("Accept: text/event-stream\r\n", "/events"))
    head = await reader.readuntil(b"\r\n\r\n")
    if head[9:12] != b"200":
        raise RuntimeError(head.decode())
    while line := await reader.readline():
        told.events += line.startswith(b"event: ")
    raise RuntimeError("a stream ended")
