"""Networks of the calls: a blocking one, and one for asyncio.

Both only send and receive; `transport.py` has all decisions on requests and responses.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import httpx2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

T = TypeVar("T")


class BlockingNetwork:
    """Blocking network; its coroutines are never suspended.

    Args:
        http: HTTP client with the base URL and the API key.
        sleep: Function that waits for some seconds.
        clock: Monotonic clock, in seconds.
    """

    def __init__(
        self,
        http: httpx2.Client,
        sleep: Callable[[float], None],
        clock: Callable[[], float],
    ) -> None:
        self._http, self._sleep, self.clock = http, sleep, clock
        self.base_url = str(http.base_url)

    async def send(self, method: str, path: str, **content: Any) -> httpx2.Response:
        """Send a request, and read its whole response."""
        return self._http.request(method, path, **content)

    @asynccontextmanager
    async def open(self, path: str, **content: Any) -> AsyncIterator[httpx2.Response]:
        """Send a GET request; a successful response is read in pieces."""
        with self._http.stream("GET", path, **content) as response:
            if response.is_error:
                response.read()
            yield response

    def chunks(self, response: httpx2.Response) -> AsyncIterator[bytes]:
        """Read the body of an open response."""
        return _each(response.iter_bytes())

    def events(
        self, response: httpx2.Response
    ) -> AsyncIterator[httpx2.ServerSentEvent]:
        """Read the events of an open response."""
        return _each(httpx2.EventSource(response))

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        self._sleep(seconds)

    async def close(self) -> None:
        """Close the connections."""
        self._http.close()


class AsyncNetwork:
    """Network of an event loop.

    Args:
        http: HTTP client with the base URL and the API key.
        sleep: Coroutine function that waits for some seconds.
        clock: Monotonic clock, in seconds.
    """

    def __init__(
        self,
        http: httpx2.AsyncClient,
        sleep: Callable[[float], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self._http, self._sleep, self.clock = http, sleep, clock
        self.base_url = str(http.base_url)

    async def send(self, method: str, path: str, **content: Any) -> httpx2.Response:
        """Send a request, and read its whole response."""
        return await self._http.request(method, path, **content)

    @asynccontextmanager
    async def open(self, path: str, **content: Any) -> AsyncIterator[httpx2.Response]:
        """Send a GET request; a successful response is read in pieces."""
        async with self._http.stream("GET", path, **content) as response:
            if response.is_error:
                await response.aread()
            yield response

    def chunks(self, response: httpx2.Response) -> AsyncIterator[bytes]:
        """Read the body of an open response."""
        return response.aiter_bytes()

    def events(
        self, response: httpx2.Response
    ) -> AsyncIterator[httpx2.ServerSentEvent]:
        """Read the events of an open response."""
        return aiter(httpx2.EventSource(response))

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._sleep(seconds)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


Network = BlockingNetwork | AsyncNetwork


async def _each(items: Iterable[T]) -> AsyncIterator[T]:
    for item in items:
        yield item
