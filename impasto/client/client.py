"""The clients: `Client().run(content="photo.jpg", styles="painting.jpg")`."""

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

_PROBE_SECONDS = 5.0  # for questions that are not worth a longer wait


async def _sleep(seconds: float) -> None:
    import asyncio  # noqa: PLC0415 - blocking code, as the command line, needs none

    await asyncio.sleep(seconds)


class ClientCalls:
    """What a client can do besides its jobs, assets and keys.

    Args:
        network: Way to the server.
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
        """Submit a job, wait until it is over, and save its picture.

        Args:
            content: The photo: a path, bytes, or a file that is open for reading.
            styles: One to eight style images; as `StyleImage` with masks or weights.
            save_to: Path of the finished picture, or None not to save it; its
                extension chooses the format, unless `format` does.
            name: Name of the job, for people.
            tags: Words to find the job by.
            metadata: Values of your own, returned with the job.
            init_image: Picture to start from, with `init="image"`.
            content_labels: Label map of the photo, with labels of style images.
            options: Job options, as for `jobs.submit`.
            segments: Changes planned for mid-run, as for `jobs.submit`.
            **params: Fields of StyleParams, such as `max_edge=256`.

        Raises:
            JobFailed: The job ended without a picture.
            JobCanceled: The job was canceled.
            CannotSave: `save_to` cannot be written; nothing was submitted.
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
        """Yield the events of jobs as they happen, without an end.

        Args:
            job_ids: Full ids of the jobs; none for all of the caller's.
            after: Number in the log of the last event that you have, or None to begin
                with a snapshot of each job.
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
        """Return who the caller is, what it may do, and its limits."""
        return await self._transport.get_json("/v1/me")

    @call
    async def capabilities(self) -> Mapping[str, Any]:
        """Return what this server offers: networks, optimizers, limits, formats."""
        return await self._transport.get_json("/v1/capabilities")

    @call
    async def is_ready(self) -> bool:
        """Whether the server can take a job just now; one request without retries."""
        return await self._transport.is_success("/readyz", _PROBE_SECONDS)

    @call
    async def close(self) -> None:
        """Close the connections."""
        await self._network.close()


class Client(ClientCalls, Blocking):
    """Connection to one server; use it in a `with`, or close it.

    Args:
        base_url: Address of the server; default: IMPASTO_API_URL, else the farm that
            runs on this machine.
        api_key: API key; default: IMPASTO_API_KEY. On loopback none is needed.
        transport: Transport of httpx2 that replaces the network in tests.
        sleep: Function that waits between two polls; the embedded farm supervises
            its processes meanwhile.
        clock: Monotonic clock, in seconds.

    Raises:
        ServerUnreachable: No address was given and none can be found.
        InvalidApiKey: The API key has characters that no key has.
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
    """Connection to one server for asyncio; use it in an `async with`, or close it.

    Its methods are those of `Client`, and are awaited; what yields is for `async for`.
    Files are read and written in the thread of the event loop.

    Args:
        base_url: Address of the server, as for `Client`.
        api_key: API key, as for `Client`.
        transport: Transport of httpx2 that replaces the network in tests.
        sleep: Coroutine function that waits between two polls.
        clock: Monotonic clock, in seconds.

    Raises:
        ServerUnreachable: No address was given and none can be found.
        InvalidApiKey: The API key has characters that no key has.
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
    """Return the options that both HTTP clients of httpx2 take."""
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
    """Read a JPEG for a notebook, by a connection of its own; None if there is none.

    A notebook awaits nothing while it shows a value.
    """
    try:
        with httpx2.Client(**{**options, "timeout": _PROBE_SECONDS}) as http:
            response = http.get(path)
    except httpx2.TransportError:
        return None
    is_jpeg = response.headers.get("Content-Type") == "image/jpeg"
    return response.content if response.is_success and is_jpeg else None


def _tls_verification(url: str) -> ssl.SSLContext | bool:
    """Return the `verify` of httpx2: no certificates are loaded for plain HTTP."""
    if url.startswith("https:"):
        return True  # httpx2 then reads a file of certificates, in 50 ms
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _request_headers(api_key: str | None) -> dict[str, str]:
    headers = {"User-Agent": f"impasto-python/{impasto.__version__}"}
    if not api_key:
        return headers
    # A header could not carry it, and httpx2's error message would show it.
    if not api_key.isascii() or not api_key.isprintable():
        raise InvalidApiKey("the API key has characters that no key has")
    return headers | {"Authorization": f"Bearer {api_key}"}
