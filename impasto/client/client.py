"""Clients of the server: `Client().run(content="photo.jpg", styles="painting.jpg")`."""

from __future__ import annotations

import os
import ssl
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

import httpx2

import impasto
from impasto.client.assets import Assets, AsyncAssets
from impasto.client.calls import Awaited, Blocking, call, stream
from impasto.client.discovery import find_server_url, is_loopback_url
from impasto.client.downloads import require_writable
from impasto.client.events import ALL_EVENTS, read_events
from impasto.client.formats import with_format
from impasto.client.jobs import AsyncJobs, JobCalls, Jobs
from impasto.client.keys import AsyncKeys, Keys
from impasto.client.network import AsyncNetwork, BlockingNetwork
from impasto.client.transport import TIMEOUT_SECONDS, Transport
from impasto.errors import InvalidApiKey, raise_for_state

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

    from impasto.client.models import Event, Job
    from impasto.client.network import Network
    from impasto.client.params import JobOptions, Segment, StyleParams
    from impasto.client.uploads import Picture, Styles

_PROBE_SECONDS = 5.0  # for requests without a need to wait longer


async def _sleep(seconds: float) -> None:
    import asyncio  # noqa: PLC0415 - blocking code, as the command line, needs none

    await asyncio.sleep(seconds)


class ClientCalls:
    """Methods of a client besides those for jobs, assets and keys.

    Args:
        network: Connection to the server.
        options: Options of the HTTP client, with the base URL and the API key.
    """

    def __init__(self, network: Network, options: Mapping[str, Any]) -> None:
        self.base_url = str(options["base_url"])
        self._network = network
        self._transport = Transport(network, partial(_read_jpeg, options))

    @call
    async def run(  # noqa: PLR0913 - as for jobs.submit
        self,
        content: Picture,
        styles: Styles,
        *,
        save_to: str | os.PathLike[str] | None = None,
        name: str | None = None,
        tags: Sequence[str] = (),
        metadata: Mapping[str, str] | None = None,
        init_image: Picture | None = None,
        content_labels: Picture | None = None,
        options: JobOptions | None = None,
        segments: Sequence[Segment] = (),
        **params: Unpack[StyleParams],
    ) -> Job:
        """Submit a job, wait until it has ended, and save its picture.

        Args:
            content: Photo: a path, bytes, or a file that is open for reading.
            styles: One to eight style images; `StyleImage` adds masks or weights.
            save_to: Path of the finished picture, or None not to save it. Its extension
                sets the format, unless `format` is given.
            name: Name of the job, for people.
            tags: Tags to find the job by.
            metadata: Your own texts, returned with the job.
            init_image: Picture to start from, with `init="image"`.
            content_labels: Label map of the photo, with labels of style images.
            options: Job options, as for `jobs.submit`.
            segments: Changes planned for the run, as for `jobs.submit`.
            **params: Fields of StyleParams, such as `max_edge=256`.

        Raises:
            JobFailed: The job ended without a picture.
            JobCanceled: The job was canceled.
            CannotSave: `save_to` cannot be written; no job was submitted.
        """
        if save_to is not None:
            require_writable(Path(save_to))
            params = with_format(params, Path(save_to))
        jobs = JobCalls(self._transport)
        job = await JobCalls.submit(
            jobs,
            content,
            styles,
            params=params,
            name=name,
            tags=tags,
            metadata=metadata,
            init_image=init_image,
            content_labels=content_labels,
            options=options,
            segments=segments,
        )
        job = await JobCalls.wait(jobs, job.id)
        raise_for_state(job)
        if save_to is not None:
            await JobCalls.download(jobs, job.id, save_to)
        return job

    @stream
    async def events(
        self, job_ids: Sequence[str] = (), *, after: int | None = None
    ) -> AsyncGenerator[Event, None]:
        """Yield new events of jobs, in an endless stream.

        Args:
            job_ids: Full ids of the jobs; none for all jobs of the caller.
            after: Number of the last event that you received, or None to begin with a
                snapshot of each job.
        """
        query = {"jobs": ",".join(job_ids) or None}
        async for event in read_events(self._transport, ALL_EVENTS, query, after):
            yield event

    @call
    async def queue(self) -> Mapping[str, Any]:
        """Return the state of the queue of all owners, and your estimated wait."""
        return await self._transport.get_json("/v1/queue")

    @call
    async def me(self) -> Mapping[str, Any]:
        """Return the owner, the key, the scopes and the limits of the caller."""
        return await self._transport.get_json("/v1/me")

    @call
    async def capabilities(self) -> Mapping[str, Any]:
        """Return the server's capabilities: networks, optimizers, limits, formats."""
        return await self._transport.get_json("/v1/capabilities")

    @call
    async def is_ready(self) -> bool:
        """Return whether the server accepts jobs now; one request without retries."""
        return await self._transport.is_success("/readyz", _PROBE_SECONDS)

    @call
    async def close(self) -> None:
        """Close the connections."""
        await self._network.close()


class Client(ClientCalls, Blocking):
    """Connection to one server, for `with`; otherwise call `close`.

    Args:
        base_url: Address of the server; default: IMPASTO_API_URL, else the farm that
            runs on this machine.
        api_key: API key; default: IMPASTO_API_KEY. A server on loopback may need none.
        transport: Transport of httpx2 that replaces the network in tests.
        sleep: Function that waits between two polls; an embedded farm supervises its
            processes in it.
        clock: Monotonic clock, in seconds.

    Raises:
        ServerUnreachable: No address was given or found.
        InvalidApiKey: The API key has invalid characters.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        options = _http_options(base_url, api_key)
        http = httpx2.Client(transport=transport, **options)
        super().__init__(BlockingNetwork(http, sleep, clock), options)
        self.jobs = Jobs(self._transport)
        self.assets = Assets(self._transport)
        self.keys = Keys(self._transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


class AsyncClient(ClientCalls, Awaited):
    """Connection to one server for asyncio, for `async with`; otherwise call `close`.

    Its methods are those of `Client`, as coroutines and asynchronous iterators. Files
    are read and written in the thread of the event loop.

    Args:
        base_url: Address of the server, as for `Client`.
        api_key: API key, as for `Client`.
        transport: Transport of httpx2 that replaces the network in tests.
        sleep: Coroutine function that waits between two polls.
        clock: Monotonic clock, in seconds.

    Raises:
        ServerUnreachable: No address was given or found.
        InvalidApiKey: The API key has invalid characters.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = _sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        options = _http_options(base_url, api_key)
        http = httpx2.AsyncClient(transport=transport, **options)
        super().__init__(AsyncNetwork(http, sleep, clock), options)
        self.jobs = AsyncJobs(self._transport)
        self.assets = AsyncAssets(self._transport)
        self.keys = AsyncKeys(self._transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()


def _http_options(base_url: str | None, api_key: str | None) -> dict[str, Any]:
    """Return the common options of both HTTP clients of httpx2."""
    url = find_server_url(base_url, os.environ)
    return {
        "base_url": url,
        "headers": _request_headers(api_key or os.environ.get("IMPASTO_API_KEY")),
        "timeout": httpx2.Timeout(TIMEOUT_SECONDS, connect=5),
        # A proxy of the environment cannot reach this machine's loopback.
        "trust_env": not is_loopback_url(url),
        "verify": _tls_verification(url),
    }


def _read_jpeg(options: Mapping[str, Any], path: str) -> bytes | None:
    """Read a JPEG for a notebook, by a separate connection; None if there is none.

    A notebook cannot await while it shows a value.
    """
    try:
        with httpx2.Client(**{**options, "timeout": _PROBE_SECONDS}) as http:
            response = http.get(path)
    except httpx2.TransportError:
        return None
    is_jpeg = response.headers.get("Content-Type") == "image/jpeg"
    return response.content if response.is_success and is_jpeg else None


def _tls_verification(url: str) -> ssl.SSLContext | bool:
    """Return the `verify` of httpx2, without loading certificates for plain HTTP."""
    if url.startswith("https:"):
        return True  # httpx2 loads certificates in 50 ms
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _request_headers(api_key: str | None) -> dict[str, str]:
    headers = {"User-Agent": f"impasto-python/{impasto.__version__}"}
    if not api_key:
        return headers
    # Such a key fits no header, and httpx2's error message would show it.
    if not api_key.isascii() or not api_key.isprintable():
        raise InvalidApiKey("the API key has characters that no key has")
    return headers | {"Authorization": f"Bearer {api_key}"}
