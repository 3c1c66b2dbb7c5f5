"""HTTP requests with retries and backoff, and problem responses as typed errors."""

from __future__ import annotations

import random
import re
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
    from collections.abc import Callable, Mapping
    from typing import BinaryIO

T = TypeVar("T")

_RETRYABLE_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_IDEMPOTENT_RETRIES = 3
_FIRST_BACKOFF_SECONDS = 0.25
_MAX_BACKOFF_SECONDS = 5.0
_MAX_RETRY_AFTER_SECONDS = 60.0  # if the server asks for more, the request fails
_LASTING_CODES = frozenset({"storage-full"})
_JOB_ID = re.compile(r"job_[0-9A-Za-z]+")  # nothing that a URL would have to quote


class Transport:
    """Sends requests to one server, with retries.

    Args:
        http: HTTP client with the base URL and the API key.
        sleep: Function that waits for some seconds between two tries.
    """

    def __init__(self, http: httpx2.Client, sleep: Callable[[float], None]) -> None:
        self._http = http
        self.sleep = sleep

    def get(
        self,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        retries: int = 2,
    ) -> httpx2.Response:
        """Send a GET; it changes nothing on the server, so it may be repeated."""
        return self._with_retries(
            lambda: _raise_for_problem(
                self._http.get(path, params=query, headers=headers)
            ),
            retries,
        )

    def get_json(
        self, path: str, *, query: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Send a GET, and return the JSON object of its response.

        Raises:
            ServerUnreachable: What answers is not an Impasto server.
        """
        response = self.get(path, query=query)
        if not (body := _json_object(response)):
            raise ServerUnreachable(f"{response.url} does not answer as Impasto does")
        return body

    def post(self, path: str, *, retries: int = 0, **body: Any) -> httpx2.Response:
        """Send a POST; the caller allows retries only if it is safe to repeat."""
        return self._with_retries(
            lambda: _raise_for_problem(self._http.post(path, **body)), retries
        )

    def post_idempotent(self, path: str, **body: Any) -> httpx2.Response:
        """Send a POST that creates something once, however often it is repeated.

        The server recognizes a repeated request by its `Idempotency-Key`, and answers
        it as before.
        """
        headers = {"Idempotency-Key": str(uuid4())}
        return self._with_retries(
            lambda: _raise_for_problem(self._http.post(path, headers=headers, **body)),
            _IDEMPOTENT_RETRIES,
        )

    def patch(self, path: str, **body: Any) -> httpx2.Response:
        """Send a PATCH; it is never repeated."""
        return self._with_retries(
            lambda: _raise_for_problem(self._http.patch(path, **body)), retries=0
        )

    def delete(self, path: str) -> httpx2.Response:
        """Send a DELETE; a repeated one finds nothing more to delete."""
        response = self._with_retries(
            lambda: _raise_for_problem(self._http.delete(path)), retries=0
        )
        if response.status_code != HTTPStatus.NO_CONTENT:
            raise ServerUnreachable(f"{response.url} does not answer as Impasto does")
        return response

    def download(self, url: str, target: BinaryIO) -> None:
        """Write a response of any size into `target`, from its start."""
        self._with_retries(lambda: self._download_once(url, target), retries=2)

    def _download_once(self, url: str, target: BinaryIO) -> None:
        target.seek(0)
        target.truncate()
        with self._http.stream("GET", url) as response:
            if response.is_error:
                response.read()
            _raise_for_problem(response)
            media_type = response.headers.get("Content-Type", "")
            if not media_type.startswith(("image/", "application/json")):
                raise ServerUnreachable(f"{url}: {media_type or 'this'} is no picture")
            target.writelines(response.iter_bytes())

    def _with_retries(self, attempt: Callable[[], T], retries: int) -> T:
        tries = 0
        while True:
            try:
                return attempt()
            except httpx2.TransportError as error:
                failure: ImpastoError = self._unreachable_error(error)
                pause = 0.0
            except ApiError as error:
                if not _is_retryable(error):
                    raise
                failure = error
                pause = error.problem.retry_after_seconds or 0.0
            if tries == retries or pause > _MAX_RETRY_AFTER_SECONDS:
                raise failure
            self.sleep(max(pause, _backoff_seconds(tries)))
            tries += 1

    def _unreachable_error(self, error: httpx2.TransportError) -> ServerUnreachable:
        reason = str(error) or type(error).__name__
        unreachable = ServerUnreachable(
            f"no answer from {self._http.base_url}: {reason}"
        )
        unreachable.__cause__ = error
        return unreachable


def _is_retryable(error: ApiError) -> bool:
    """Whether the same request may succeed soon, without a person's help."""
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
    """Return the path of a job, or of what is below it.

    Raises:
        InvalidId: The text is not the id of a job, and could lead elsewhere.
    """
    if not _JOB_ID.fullmatch(job_id):
        raise InvalidId(f"{job_id[:60]!r} is not the id of a job")
    return "/".join(["/v1/jobs", job_id, *rest])


def retry_after_seconds(response: httpx2.Response) -> float | None:
    """Return the seconds of `Retry-After`, or None without a number there."""
    try:
        return max(0.0, float(response.headers.get("Retry-After", "")))
    except ValueError:
        return None


def _raise_for_problem(response: httpx2.Response) -> httpx2.Response:
    if response.is_success or response.status_code == HTTPStatus.NOT_MODIFIED:
        return response
    problem = parse_problem(response)
    raise ApiError.classes.get(problem.code, ApiError)(problem)


def parse_problem(response: httpx2.Response) -> Problem:
    """Parse a problem, also from the response of a proxy without problem+json."""
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
