"""Requests that try again when that may help, and problems as typed errors."""

from __future__ import annotations

import random
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import httpx

from impasto.errors import (
    API_ERRORS,
    ApiError,
    FieldError,
    ImpastoError,
    Problem,
    QueueFull,
    ServerUnreachable,
    TooManyStreams,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import BinaryIO

T = TypeVar("T")

_TRIED_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_MAKING_RETRIES = 3
_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 5.0  # of our own accord
_LONGEST_WAIT_SECONDS = 60.0  # where the server asks for it; longer, people decide
_LASTING = frozenset({"storage-full"})


class Wire:
    """One server, spoken to with patience; `sleep` is what happens between two tries.

    Args:
        http: Knows the base URL and the key.
        sleep: Takes seconds.
    """

    def __init__(self, http: httpx.Client, sleep: Callable[[float], None]) -> None:
        self._http = http
        self.sleep = sleep

    def get(
        self,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        retries: int = 2,
    ) -> httpx.Response:
        """Read; nothing changes on the server, so it may be done again."""
        return self._patiently(
            lambda: _checked(self._http.get(path, params=query, headers=headers)),
            retries,
        )

    def post(self, path: str, *, retries: int = 0, **body: Any) -> httpx.Response:
        """Change something; tried again only where twice does as much as once."""
        return self._patiently(lambda: _checked(self._http.post(path, **body)), retries)

    def make(self, path: str, **body: Any) -> httpx.Response:
        """Make something, once, however often it has to be sent.

        The server knows the same request by its key, and answers it alike.
        """
        headers = {"Idempotency-Key": str(uuid4())}
        return self._patiently(
            lambda: _checked(self._http.post(path, headers=headers, **body)),
            _MAKING_RETRIES,
        )

    def patch(self, path: str, **request: Any) -> httpx.Response:
        """Change some of what is there; never sent twice."""
        return self._patiently(
            lambda: _checked(self._http.patch(path, **request)), retries=0
        )

    def copy(self, path: str, target: BinaryIO) -> None:
        """Write an answer of any size into `target`, from its start."""
        self._patiently(lambda: self._copy_once(path, target), retries=2)

    def _copy_once(self, path: str, target: BinaryIO) -> None:
        target.seek(0)
        target.truncate()
        with self._http.stream("GET", path) as response:
            if response.is_error:
                response.read()
            _checked(response)
            target.writelines(response.iter_bytes())

    def _patiently(self, attempt: Callable[[], T], retries: int) -> T:
        tries = 0
        while True:
            try:
                return attempt()
            except httpx.TransportError as error:
                failure: ImpastoError = self._unreachable(error)
                pause = 0.0
            except ApiError as error:
                if not _may_pass(error):
                    raise
                failure = error
                pause = error.problem.retry_after_seconds or 0.0
            if tries == retries or pause > _LONGEST_WAIT_SECONDS:
                raise failure
            self.sleep(max(pause, _backoff(tries)))
            tries += 1

    def _unreachable(self, error: httpx.TransportError) -> ServerUnreachable:
        reason = str(error) or type(error).__name__
        unreachable = ServerUnreachable(
            f"no answer from {self._http.base_url}: {reason}"
        )
        unreachable.__cause__ = error
        return unreachable


def _may_pass(error: ApiError) -> bool:
    """Whether the same request may succeed soon, without anybody doing anything."""
    if error.code == "idempotency-in-progress":
        return True
    lasting = isinstance(error, QueueFull | TooManyStreams) or error.code in _LASTING
    return error.status in _TRIED_AGAIN and not lasting


def _backoff(tries: int) -> float:
    spread: float = random.uniform(0.75, 1.25)  # noqa: S311 - spreads load, hides nothing
    pause: float = _FIRST_PAUSE_SECONDS * 2**tries
    return min(pause * spread, _LONGEST_PAUSE_SECONDS)


def retry_after_seconds(response: httpx.Response) -> float | None:
    """Return how long the server asks to wait; None when it does not say."""
    try:
        return max(0.0, float(response.headers.get("Retry-After", "")))
    except ValueError:
        return None


def _checked(response: httpx.Response) -> httpx.Response:
    if response.is_success or response.status_code == HTTPStatus.NOT_MODIFIED:
        return response
    problem = read_problem(response)
    raise API_ERRORS.get(problem.code, ApiError)(problem)


def read_problem(response: httpx.Response) -> Problem:
    """Read what went wrong, also from a proxy that knows nothing of problem+json."""
    said = _json_object(response)
    fallback = f"the server answered {response.status_code} {response.reason_phrase}"
    return Problem(
        status=response.status_code,
        code=str(said.get("code") or f"http-{response.status_code}"),
        detail=str(said.get("detail") or said.get("title") or fallback),
        hint=str(said.get("hint") or ""),
        errors=_field_errors(said.get("errors")),
        request_id=response.headers.get("Request-Id"),
        retry_after_seconds=retry_after_seconds(response),
    )


def _field_errors(said: object) -> tuple[FieldError, ...]:
    if not isinstance(said, list):
        return ()
    return tuple(
        FieldError(*(str(each.get(key, "")) for key in ("pointer", "code", "detail")))
        for each in said
        if isinstance(each, dict)
    )


def _json_object(response: httpx.Response) -> dict[str, Any]:
    try:
        said = response.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
