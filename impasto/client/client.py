"""The Python client: `Client().run(content="photo.jpg", styles=["painting.jpg"])`."""

from __future__ import annotations

import os
import ssl
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx

from impasto.client.assets import Assets
from impasto.client.discovery import find_url, is_loopback_url
from impasto.client.downloads import require_place
from impasto.client.formats import with_format
from impasto.client.jobs import Jobs
from impasto.client.outcomes import raise_for_state
from impasto.client.transport import Wire
from impasto.client.uploads import Painting
from impasto.errors import BadKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from impasto.client.models import Job


class Client:
    """One server; use it in a `with`, or close it.

    Args:
        base_url: Default: IMPASTO_API_URL, else the stack that runs on this machine.
        api_key: Default: IMPASTO_API_KEY; none is needed on loopback.
        transport: Stands in for the network in tests.
        sleep: What to do between two looks; the embedded stack tends its processes.
        clock: Seconds that only grow.

    Raises:
        ServerUnreachable: No address was given and none can be found.
        BadKey: No API key looks like this one.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.base_url = find_url(base_url, os.environ)
        key = api_key or os.environ.get("IMPASTO_API_KEY")
        self._http = httpx.Client(
            base_url=self.base_url,
            headers=_headers(key),
            transport=transport,
            timeout=httpx.Timeout(30, connect=5),
            # A proxy of the environment cannot reach this machine's loopback.
            trust_env=not is_loopback_url(self.base_url),
            verify=_trusted(self.base_url),
        )
        self._wire = Wire(self._http, sleep)
        self.jobs = Jobs(self._wire, clock)
        self.assets = Assets(self._wire)

    def run(
        self,
        content: str | Path,
        styles: Sequence[str | Path | Painting],
        *,
        save_to: str | Path | None = None,
        segments: Sequence[Mapping[str, object]] = (),
        **params: object,
    ) -> Job:
        """Submit, wait, and save the picture if told where.

        Args:
            content: The photo.
            styles: The paintings; as `Painting` with masks.
            save_to: Where the finished picture goes; its ending chooses the format,
                unless `format` does.
            segments: Changes planned for mid-run, as of `jobs.submit`.
            **params: Fields of StyleParams, such as `max_edge=256`.

        Raises:
            JobFailed: It ended without a picture.
            JobCanceled: Somebody stopped it.
            CannotSave: `save_to` is no place for a file; nothing was submitted.
        """
        if save_to is not None:
            require_place(Path(save_to))
            params = with_format(params, Path(save_to))
        paintings = [
            style if isinstance(style, Painting) else Path(style) for style in styles
        ]
        job = self.jobs.submit(
            Path(content), paintings, params=params, segments=segments
        )
        job = self.jobs.wait(job.id)
        raise_for_state(job)
        if save_to is not None:
            self.jobs.download(job.id, Path(save_to))
        return job

    def capabilities(self) -> Mapping[str, Any]:
        """Return what this server offers: networks, optimizers, limits, formats."""
        answer: dict[str, Any] = self._wire.get("/v1/capabilities").json()
        return answer

    def is_ready(self) -> bool:
        """Whether the server can take a job just now; asked once, without patience."""
        try:
            return self._http.get("/readyz", timeout=5).is_success
        except httpx.TransportError:
            return False

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _trusted(url: str) -> ssl.SSLContext | bool:
    """Say whose certificates count: nobody's where none is asked for."""
    if url.startswith("https:"):
        return True  # httpx then reads a file of certificates, in 50 ms
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _headers(api_key: str | None) -> dict[str, str]:
    try:
        release = version("impasto")
    except PackageNotFoundError:  # a checkout that nobody installed
        release = "0"
    headers = {"User-Agent": f"impasto-python/{release}"}
    if not api_key:
        return headers
    # A header could not carry it, and the library's message would show it.
    if not api_key.isascii() or not api_key.isprintable():
        raise BadKey("the API key has characters that no key has")
    return headers | {"Authorization": f"Bearer {api_key}"}
