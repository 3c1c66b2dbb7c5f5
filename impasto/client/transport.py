"""HTTP requests with retries and backoff; problem responses become typed errors."""

from __future__ import annotations

import math
import random
import re
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import httpx2

from impasto.errors import (
    ApiError,
    FieldError,
    ImpastoError,
    InvalidId,
    Problem,
    QueueFull,
    ServerUnreachable,
    TooManyStreams,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from typing import BinaryIO

    from impasto.client.models import ApiModel, Page
    from impasto.client.network import Network

T = TypeVar("T")
ModelT = TypeVar("ModelT", bound="ApiModel")

TIMEOUT_SECONDS = 30.0  # maximum time without a byte from the server

_RETRYABLE_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_IDEMPOTENT_RETRIES = 3
_FIRST_BACKOFF_SECONDS = 0.25
_MAX_BACKOFF_SECONDS = 5.0
_MAX_RETRY_AFTER_SECONDS = 60.0  # a longer Retry-After fails the request
_GRACE_SECONDS = 5.0  # for a running request at the deadline
_LASTING_CODES = frozenset({"storage-full"})
_RESOURCES = {  # folder in URLs, prefix of ids
    "a job": ("/v1/jobs", "job_"),
    "an asset": ("/v1/assets", "ast_"),
    "a key": ("/v1/keys", "key_"),
}
_ID = re.compile(r"[a-z]+_[0-9A-Za-z]+")  # without characters that URLs quote


class Transport:
    """Transport of requests to one server, with retries.

    Args:
        network: Network to the server.
        read_picture: Blocking function that returns a JPEG of the server by its path,
            or None. Notebooks use it to show jobs.
    """

    def __init__(
        self, network: Network, read_picture: Callable[[str], bytes | None]
    ) -> None:
        self._network = network
        self.read_picture = read_picture
        self.sleep, self.clock = network.sleep, network.clock

    async def get(
        self,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        retries: int = 2,
        deadline: float = math.inf,
    ) -> httpx2.Response:
        """Send a GET request, with retries.

        Args:
            path: Path on the server.
            query: Query of the URL; None members are omitted.
            headers: Headers of the request.
            retries: Maximum number of retries.
            deadline: Time of the clock after which nothing is retried. A running
                request may take a little longer.
        """
        request: dict[str, Any] = {"params": without_none(query), "headers": headers}
        if deadline < math.inf:
            left = deadline - self.clock() + _GRACE_SECONDS
            request["timeout"] = min(TIMEOUT_SECONDS, max(_GRACE_SECONDS, left))
        return await self._send("GET", path, retries, deadline, **request)

    async def get_json(
        self, path: str, *, query: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Send a GET request, and return the JSON object of its response.

        Raises:
            ServerUnreachable: The address is not an Impasto server.
        """
        response = await self.get(path, query=query)
        if not (body := _json_object(response)):
            raise ServerUnreachable(f"{response.url} does not answer as Impasto does")
        return body

    async def is_success(self, path: str, timeout_seconds: float) -> bool:
        """Return whether a GET request succeeds now, without retries."""
        try:
            response = await self._network.send("GET", path, timeout=timeout_seconds)
        except httpx2.TransportError:
            return False
        return response.is_success

    async def post(
        self, path: str, *, retries: int = 0, **content: Any
    ) -> httpx2.Response:
        """Send a POST request; only repeatable requests may have retries."""
        return await self._send("POST", path, retries, **content)

    async def post_idempotent(self, path: str, **content: Any) -> httpx2.Response:
        """Send a POST request that creates an object once, even if it is retried.

        The server recognizes a repeated request by its `Idempotency-Key`, and sends the
        first response again.
        """
        headers = {"Idempotency-Key": str(uuid4())}
        return await self._send(
            "POST", path, _IDEMPOTENT_RETRIES, headers=headers, **content
        )

    async def patch(self, path: str, **content: Any) -> httpx2.Response:
        """Send a PATCH request, without retries."""
        return await self._send("PATCH", path, retries=0, **content)

    async def delete(self, path: str) -> httpx2.Response:
        """Send a DELETE request, with retries."""
        response = await self._send("DELETE", path, retries=0)
        if response.status_code != HTTPStatus.NO_CONTENT:
            raise ServerUnreachable(f"{response.url} does not answer as Impasto does")
        return response

    async def download(
        self, path: str, target: BinaryIO, *, query: Mapping[str, Any] | None = None
    ) -> None:
        """Write a response of any size into `target`, from its start."""

        async def attempt() -> None:
            target.seek(0)
            target.truncate()
            params = without_none(query)
            async with self._network.open(path, params=params) as response:
                raise_for_problem(response)
                media_type = response.headers.get("Content-Type", "")
                if not media_type.startswith(("image/", "application/json")):
                    raise ServerUnreachable(
                        f"{path}: {media_type or 'this'} is no picture"
                    )
                async for chunk in self._network.chunks(response):
                    target.write(chunk)

        await self._with_retries(attempt, retries=2)

    @asynccontextmanager
    async def open_events(
        self, path: str, query: Mapping[str, Any], last_id: str | None
    ) -> AsyncIterator[AsyncIterator[httpx2.ServerSentEvent] | None]:
        """Open an event stream; None if the job has ended and all events were received.

        Args:
            path: Path of the stream.
            query: Query of the URL; None members are omitted.
            last_id: Id of the last received event, or None to begin now.

        Raises:
            ServerUnreachable: The connection failed or was lost.
        """
        headers = {"Accept": "text/event-stream"}
        if last_id is not None:
            headers["Last-Event-ID"] = last_id
        content = {"params": without_none(query), "headers": headers}
        try:
            async with self._network.open(path, **content) as response:
                raise_for_problem(response)
                is_over = response.status_code == HTTPStatus.NO_CONTENT
                yield None if is_over else self._network.events(response)
        except httpx2.TransportError as error:
            raise self._unreachable_error(error) from error

    async def _send(
        self,
        method: str,
        path: str,
        retries: int,
        deadline: float = math.inf,
        **content: Any,
    ) -> httpx2.Response:
        async def attempt() -> httpx2.Response:
            return raise_for_problem(await self._network.send(method, path, **content))

        return await self._with_retries(attempt, retries, deadline)

    async def _with_retries(
        self,
        attempt: Callable[[], Awaitable[T]],
        retries: int,
        deadline: float = math.inf,
    ) -> T:
        tries = 0
        while True:
            try:
                return await attempt()
            except httpx2.TransportError as error:
                failure: ImpastoError = self._unreachable_error(error)
            except ApiError as error:
                failure = error
            pause = retry_pause(failure, tries)
            if pause is None or tries == retries or self.clock() + pause > deadline:
                raise failure
            await self.sleep(pause)
            tries += 1

    def _unreachable_error(self, error: httpx2.TransportError) -> ServerUnreachable:
        reason = str(error) or type(error).__name__
        unreachable = ServerUnreachable(
            f"no answer from {self._network.base_url}: {reason}"
        )
        unreachable.__cause__ = error
        return unreachable


def retry_pause(failure: ImpastoError, tries: int) -> float | None:
    """Return the seconds to wait before a retry; None if a retry cannot help.

    Args:
        failure: Error of the last attempt.
        tries: Number of retries so far.
    """
    asked = 0.0
    if isinstance(failure, ApiError):
        if not _is_retryable(failure):
            return None
        asked = failure.problem.retry_after_seconds or 0.0
    if asked > _MAX_RETRY_AFTER_SECONDS:
        return None
    return max(asked, _backoff_seconds(tries))


def _is_retryable(error: ApiError) -> bool:
    """Return whether the same request may succeed soon."""
    if error.code == "idempotency-in-progress":
        return True
    lasting = (
        isinstance(error, QueueFull | TooManyStreams) or error.code in _LASTING_CODES
    )
    return error.status in _RETRYABLE_STATUSES and not lasting


def _backoff_seconds(tries: int) -> float:
    jitter: float = random.uniform(0.75, 1.25)  # noqa: S311 - spreads load, hides nothing
    backoff: float = _FIRST_BACKOFF_SECONDS * 2**tries
    return min(backoff * jitter, _MAX_BACKOFF_SECONDS)


def job_path(job_id: str, *rest: str) -> str:
    """Return the path of a job, or of a resource below it.

    Raises:
        InvalidId: The text is not the id of a job.
    """
    return resource_path("a job", job_id, *rest)


def resource_path(kind: str, resource_id: str, *rest: str) -> str:
    """Return the path of a job, an asset or a key, or of a resource below it.

    Raises:
        InvalidId: The text is no id of this kind.
    """
    folder, prefix = _RESOURCES[kind]
    if not (resource_id.startswith(prefix) and _ID.fullmatch(resource_id)):
        raise InvalidId(f"{resource_id[:60]!r} is not the id of {kind}")
    return "/".join([folder, resource_id, *rest])


async def each_item(
    read_page: Callable[..., Awaitable[Page[T]]],
) -> AsyncIterator[T]:
    """Yield the items of all pages.

    Args:
        read_page: Coroutine function that reads the page of a `cursor`, or the first
            page.
    """
    cursor: str | None = None
    while True:
        page = await read_page(cursor=cursor)
        for item in page.data:
            yield item
        if not (cursor := page.next_cursor):
            return


def without_none(query: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the members of a query that are not None."""
    return {name: value for name, value in (query or {}).items() if value is not None}


def parse_model(model: type[ModelT], response: httpx2.Response) -> ModelT:
    """Parse the JSON object of a response.

    Raises:
        ServerUnreachable: The address is not an Impasto server.
    """
    try:
        return model.from_json(response.json())
    except ValueError as error:
        raise ServerUnreachable(
            f"{response.url} does not answer as Impasto does: {error}"
        ) from error


def retry_after_seconds(response: httpx2.Response) -> float | None:
    """Return the seconds of `Retry-After`, or None without a number."""
    try:
        return max(0.0, float(response.headers.get("Retry-After", "")))
    except ValueError:
        return None


def raise_for_problem(response: httpx2.Response) -> httpx2.Response:
    """Return a successful response, or raise the error of a problem.

    Raises:
        ApiError: The server refused the request.
    """
    if response.is_success or response.status_code == HTTPStatus.NOT_MODIFIED:
        return response
    problem = parse_problem(response)
    raise ApiError.classes.get(problem.code, ApiError)(problem)


def parse_problem(response: httpx2.Response) -> Problem:
    """Parse a problem, also from a response of a proxy without problem+json."""
    body = _json_object(response)
    fallback = f"the server answered {response.status_code} {response.reason_phrase}"
    return Problem(
        status=response.status_code,
        code=str(body.get("code") or f"http-{response.status_code}"),
        detail=str(body.get("detail") or body.get("title") or fallback),
        hint=str(body.get("hint") or ""),
        errors=_field_errors(body.get("errors")),
        request_id=response.headers.get("Request-Id"),
        retry_after_seconds=retry_after_seconds(response),
    )


def _field_errors(errors: object) -> tuple[FieldError, ...]:
    if not isinstance(errors, list):
        return ()
    return tuple(
        FieldError(*(str(error.get(key, "")) for key in ("pointer", "code", "detail")))
        for error in errors
        if isinstance(error, dict)
    )


def _json_object(response: httpx2.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
