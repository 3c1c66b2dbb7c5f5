"""The Python client: `Client().run(content="photo.jpg", styles=["painting.jpg"])`."""

from __future__ import annotations

import os
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx2

import impasto
from impasto.client.assets import Assets
from impasto.client.discovery import find_server_url, is_loopback_url
from impasto.client.downloads import require_writable
from impasto.client.formats import with_format
from impasto.client.jobs import Jobs
from impasto.client.transport import Transport
from impasto.errors import InvalidApiKey, raise_for_state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from impasto.client.models import Job
    from impasto.client.uploads import Picture, StyleImage


class Client:
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
        self.base_url = find_server_url(base_url, os.environ)
        key = api_key or os.environ.get("IMPASTO_API_KEY")
        self._http = httpx2.Client(
            base_url=self.base_url,
            headers=_request_headers(key),
            transport=transport,
            timeout=httpx2.Timeout(30, connect=5),
            # A proxy of the environment cannot reach this machine's loopback.
            trust_env=not is_loopback_url(self.base_url),
            verify=_tls_verification(self.base_url),
        )
        self._transport = Transport(self._http, sleep)
        self.jobs = Jobs(self._transport, clock)
        self.assets = Assets(self._transport)

    def run(
        self,
        content: Picture,
        styles: Sequence[Picture | StyleImage],
        *,
        save_to: str | Path | None = None,
        content_labels: Picture | None = None,
        segments: Sequence[Mapping[str, object]] = (),
        **params: object,
    ) -> Job:
        """Submit a job, wait until it is over, and save its picture.

        Args:
            content: The photo: a path, bytes, or a file that is open for reading.
            styles: One to eight style images; as `StyleImage` with masks.
            save_to: Path of the finished picture, or None not to save it; its
                extension chooses the format, unless `format` does.
            content_labels: Label map of the photo, with labels of style images.
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
        job = self.jobs.submit(
            content,
            styles,
            params=params,
            content_labels=content_labels,
            segments=segments,
        )
        job = self.jobs.wait(job.id)
        raise_for_state(job)
        if save_to is not None:
            self.jobs.download(job.id, Path(save_to))
        return job

    def queue(self) -> Mapping[str, Any]:
        """Return the state of the queue of all owners, and your estimated wait."""
        return self._transport.get_json("/v1/queue")

    def me(self) -> Mapping[str, Any]:
        """Return who the caller is, what it may do, and its limits."""
        return self._transport.get_json("/v1/me")

    def capabilities(self) -> Mapping[str, Any]:
        """Return what this server offers: networks, optimizers, limits, formats."""
        return self._transport.get_json("/v1/capabilities")

    def is_ready(self) -> bool:
        """Whether the server can take a job just now; one request without retries."""
        try:
            return self._http.get("/readyz", timeout=5).is_success
        except httpx2.TransportError:
            return False

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


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
