"""Idempotency-Key of creating requests: a repeated request creates nothing again.

The decorator `idempotent` replays the recorded response of an earlier request with the
same key. Equal content may have different bytes, since the boundaries of forms are
random. So the fingerprint is computed from the parsed content: pictures by their
digests, JSON in canonical form.
"""

from __future__ import annotations

import hashlib
import json
from functools import wraps
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ParamSpec

import structlog
from flask import Response, g, request

from api.auth.authenticate import current_owner_id
from api.dependencies import current_dependencies
from api.http.problems import error_response
from api.http.slots import check_free_space
from api.job_view.lookup import find_job
from api.job_view.responses import job_response
from shared.auth.api_keys import ensure_owner
from shared.errors import (
    DatabaseUnavailable,
    ImpastoError,
    InvalidIdempotencyKey,
    StorageFull,
)
from shared.idempotency import (
    RecordedResponse,
    abandon_request,
    begin_request,
    has_request,
    record_response,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import BinaryIO

    from api.dependencies import Dependencies
    from api.http.multipart import Form
    from shared.idempotency import IdempotentRequest

P = ParamSpec("P")

log = structlog.get_logger(__name__)

REPLAYED_HEADER = "Idempotency-Replayed"

# Errors that a later request would get, too. After other errors the request may be
# repeated, since the state of a job, a queue or a server changes.
_FINAL_STATUSES = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.GONE,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}
_RECORDED_HEADERS = ("Content-Type", "Location", "ETag", "Retry-After", "Cache-Control")


def idempotent(view: Callable[P, Response]) -> Callable[P, Response]:
    """Decorate a creating view, so that it supports Idempotency-Key.

    The view calls `begin_idempotent_request` once it has read the content of its
    request, and passes `current_idempotent_request` to the function that inserts the
    job. Apply it below the decorator of the route.
    """

    @wraps(view)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Response:
        set_idempotency_key(read_idempotency_key())
        try:
            response = view(*args, **kwargs)
        except AlreadyAnswered as answered:
            return _replay_response(answered.response)
        except ImpastoError as error:
            _record_or_abandon(error_response(error))
            raise
        except Exception:
            _record_or_abandon(None)
            raise
        _record_or_abandon(response)
        return response

    # `openapi` documents the header if this attribute is set.
    wrapper.is_idempotent = True  # type: ignore[attr-defined]
    return counts_as_submission(wrapper)


def counts_as_submission(view: Callable[P, Response]) -> Callable[P, Response]:
    """Mark a creating view, so that the rate limit counts its requests as submissions.

    Use it alone if a response contains a secret, which must not be recorded.
    Idempotency-Key then has no effect.
    """
    # `rate_limit` reads this attribute.
    view.counts_as_submission = True  # type: ignore[attr-defined]
    return view


def uploads_count_as_submission(view: Callable[P, Response]) -> Callable[P, Response]:
    """Mark a view that creates nothing, but decodes the pictures of a form."""
    # `rate_limit` reads this.
    view.uploads_count_as_submission = True  # type: ignore[attr-defined]
    return view


def _replay_response(recorded: RecordedResponse) -> Response:
    if recorded.status is None:  # the server crashed after it created the job
        response = job_response(find_job(str(recorded.job_id)), 202)
    else:
        response = Response(recorded.body, recorded.status, dict(recorded.headers))
    response.headers[REPLAYED_HEADER] = "true"
    return response


def _record_or_abandon(response: Response | None) -> None:
    """Record a final response, or delete the request so that it may be repeated.

    Args:
        response: Response of the view, or None if it failed unexpectedly.
    """
    idempotent_request, database = (
        current_idempotent_request(),
        current_dependencies().database,
    )
    if idempotent_request is None:
        return
    try:
        if response is None or not _is_final(response):
            abandon_request(database, idempotent_request)
            return
        headers = {
            name: response.headers[name]
            for name in _RECORDED_HEADERS
            if name in response.headers
        }
        body = response.get_data(as_text=True)
        record_response(
            database,
            idempotent_request,
            RecordedResponse(None, response.status_code, headers, body),
        )
    except DatabaseUnavailable as error:
        # The job is committed: a repeated request gets the job in its state at that
        # time.
        log.warning("idempotent_response_lost", error=str(error))


def _is_final(response: Response) -> bool:
    status = response.status_code
    return status < HTTPStatus.MULTIPLE_CHOICES or status in _FINAL_STATUSES


KEY_HEADER = "Idempotency-Key"
MAX_KEY_LENGTH = 255

_CHUNK_BYTES = 2**20


class AlreadyAnswered(Exception):
    """The request was answered before.

    Attributes:
        response: Recorded response.
    """

    def __init__(self, answer: RecordedResponse) -> None:
        super().__init__("answered before")
        self.response = answer


def read_idempotency_key() -> str | None:
    """Read the Idempotency-Key of the current request, if it has one.

    Raises:
        InvalidIdempotencyKey: The key is not 1 to 255 printable ASCII characters.
    """
    header = request.headers.get(KEY_HEADER)
    if header is None:
        return None
    key = header.strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]  # a string of RFC 8941, as in the draft
    if not 1 <= len(key) <= MAX_KEY_LENGTH or not (key.isascii() and key.isprintable()):
        raise InvalidIdempotencyKey(f"1 to {MAX_KEY_LENGTH} printable ASCII characters")
    return key


def set_idempotency_key(key: str | None) -> None:
    """Set the key of the current request, before its body is read."""
    g.idempotency_key = key


def begin_idempotent_request(
    content: Mapping[str, Any], path: str | None = None
) -> None:
    """Begin the current request under its key; without a key, do nothing.

    Called once the body has been read, before anything is created, and after the
    resource that the address names has been found.

    Args:
        content: Content of the body.
        path: Canonical path if several paths are equal; None for the path of the
            request.

    Raises:
        AlreadyAnswered: An earlier request with this key was answered.
        IdempotencyKeyReused: The key was used for a different request.
        IdempotencyInProgress: An earlier request with this key is being answered.
    """
    key = g.get("idempotency_key")
    if key is None:
        return
    database, owner_id = current_dependencies().database, current_owner_id()
    ensure_owner(database, owner_id)
    scope = _scope(path or request.path)
    begun = begin_request(database, owner_id, scope, key, _fingerprint(content))
    if isinstance(begun, RecordedResponse):
        raise AlreadyAnswered(begun)
    g.idempotent_request = begun


def require_free_space(dependencies: Dependencies) -> None:
    """Refuse a request while the storage is full, before its body is read.

    A request that was answered before is accepted, since its replay needs no space.

    Raises:
        StorageFull: Less space is free than the operator reserves.
    """
    try:
        check_free_space(dependencies)
    except StorageFull:
        key = g.get("idempotency_key")
        owner_and_scope = (current_owner_id(), _scope(request.path), key)
        if key is None or not has_request(dependencies.database, *owner_and_scope):
            raise


def current_idempotent_request() -> IdempotentRequest | None:
    """Return the current idempotent request; None if it has no Idempotency-Key."""
    idempotent_request: IdempotentRequest | None = g.get("idempotent_request")
    return idempotent_request


def canonical_form(form: Form) -> Mapping[str, Any]:
    """Return the content of a form, independent of its encoding, with file digests."""
    return {
        "files": {
            name: [stream_sha256(file.stream) for file in files]
            for name, files in form.files.items()
        },
        "fields": form.fields,
        "wrong_parts": [error.pointer for error in form.errors],
    }


def _scope(path: str) -> str:
    return f"{request.method} {path}"


def stream_sha256(stream: BinaryIO | Any) -> str:
    """Return the SHA-256 of a whole file, in hex; reads the file in chunks."""
    stream.seek(0)
    digest = hashlib.sha256()
    while chunk := stream.read(_CHUNK_BYTES):
        digest.update(chunk)
    stream.seek(0)
    return digest.hexdigest()


def _fingerprint(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
