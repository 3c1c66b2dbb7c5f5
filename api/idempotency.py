"""Views that make something: sent again with the same key, they make it once.

A request that may be sent again: its Idempotency-Key, and what it asks for.

The same thing sent twice differs in its bytes, as the boundaries of forms are random.
So the digest is one of what was read: pictures by their digests, JSON in one order.
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
from api.dependencies import current_services
from api.http.problems import expected
from api.http.slots import check_room
from api.job_view.lookup import find_job
from api.job_view.responses import job_answer
from api.job_view.serializer import present
from shared.auth.owners import ensure_owner
from shared.errors import (
    BadIdempotencyKey,
    DatabaseUnavailable,
    ImpastoError,
    StorageFull,
)
from shared.idempotency import (
    RecordedResponse,
    abandon_request,
    begin_request,
    record_response,
    was_asked,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import BinaryIO

    from api.dependencies import Services
    from api.http.multipart import Form
    from shared.idempotency import IdempotentRequest

P = ParamSpec("P")

log = structlog.get_logger(__name__)

REPLAYED = "Idempotency-Replayed"

# Refusals that would be the same tomorrow. Others may be sent again: the state of a
# job, a queue or a server changes.
_FINAL = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.GONE,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}
_KEPT_HEADERS = ("Content-Type", "Location", "ETag", "Retry-After", "Cache-Control")


def creates(view: Callable[P, Response]) -> Callable[P, Response]:
    """Mark a view as one that makes something, and give it Idempotency-Key.

    The view calls `replays.recognize` once it knows what is asked for, and hands
    `replays.current_once` to what makes a job. Below the decorator of its route.
    """

    @wraps(view)
    def once(*args: P.args, **kwargs: P.kwargs) -> Response:
        expect(read_token())
        try:
            response = view(*args, **kwargs)
        except Replay as known:
            return _again(known.answer)
        except ImpastoError as error:
            _settle(expected(error))
            raise
        except Exception:
            _settle(None)
            raise
        _settle(response)
        return response

    once.replays = True  # type: ignore[attr-defined] # `openapi` documents it
    return creates_secret(once)


def creates_secret(view: Callable[P, Response]) -> Callable[P, Response]:
    """Mark a view whose answer nobody may keep: Idempotency-Key has no effect on it."""
    view.creates = True  # type: ignore[attr-defined] # `rates` counts it as a submit
    return view


def _again(answer: RecordedResponse) -> Response:
    if answer.status is None:  # the job was made, and the server died before it said so
        job = find_job(str(answer.job_id))
        response = job_answer(present(current_services().database, job), 202)
    else:
        response = Response(answer.body, answer.status, dict(answer.headers))
    response.headers[REPLAYED] = "true"
    return response


def _settle(response: Response | None) -> None:
    """Keep an answer that is final, or forget that there was a request."""
    once, database = current_once(), current_services().database
    if once is None:
        return
    try:
        if response is None or not _is_final(response):
            abandon_request(database, once)
            return
        kept = {
            name: response.headers[name]
            for name in _KEPT_HEADERS
            if name in response.headers
        }
        text = response.get_data(as_text=True)
        record_response(
            database, once, RecordedResponse(None, response.status_code, kept, text)
        )
    except DatabaseUnavailable as error:
        # What was made is committed; who asks again gets the job as it is then.
        log.warning("idempotent_response_lost", error=str(error))


def _is_final(response: Response) -> bool:
    status = response.status_code
    return status < HTTPStatus.MULTIPLE_CHOICES or status in _FINAL


HEADER = "Idempotency-Key"
MAX_LENGTH = 255

_CHUNK_BYTES = 2**20


class Replay(Exception):
    """The request has been answered before; `answer` is what was said."""

    def __init__(self, answer: RecordedResponse) -> None:
        super().__init__("answered before")
        self.answer = answer


def read_token() -> str | None:
    """Read the Idempotency-Key of the current request, if it has one.

    Raises:
        BadIdempotencyKey: It is not 1 to 255 printable ASCII characters.
    """
    told = request.headers.get(HEADER)
    if told is None:
        return None
    token = told.strip()
    if len(token) > 1 and token[0] == token[-1] == '"':
        token = token[1:-1]  # a string as of RFC 8941, which the draft wants
    if not 1 <= len(token) <= MAX_LENGTH or not (
        token.isascii() and token.isprintable()
    ):
        raise BadIdempotencyKey(f"1 to {MAX_LENGTH} printable ASCII characters")
    return token


def expect(token: str | None) -> None:
    """Say what the current request's key is, before its body is read."""
    g.idempotency_key = token


def recognize(asked: Mapping[str, Any], place: str | None = None) -> None:
    """Say what the current request asks for; without a key, nothing comes of it.

    To be called once the body has been read and before anything is made; what the
    address names has been found by then.

    Args:
        asked: By its body.
        place: Its address where there are several ways to write it, in the usual one.

    Raises:
        Replay: It has been answered before.
        IdempotencyKeyReused: Its key came with another request before.
        IdempotencyInProgress: It is being answered just now.
    """
    token = g.get("idempotency_key")
    if token is None:
        return
    database, owner_id = current_services().database, current_owner_id()
    ensure_owner(database, owner_id)
    scope = _scope(place or request.path)
    found = begin_request(database, owner_id, scope, token, _fingerprint(asked))
    if isinstance(found, RecordedResponse):
        raise Replay(found)
    g.once = found


def require_room(services: Services) -> None:
    """Refuse work while there is no room for it, before its body is read.

    What was answered before needs no room, and is answered again.

    Raises:
        StorageFull: Less is free than the operator wants to keep free.
    """
    try:
        check_room(services)
    except StorageFull:
        token = g.get("idempotency_key")
        mine = (current_owner_id(), _scope(request.path), token)
        if token is None or not was_asked(services.database, *mine):
            raise


def current_once() -> IdempotentRequest | None:
    """The current request as one that may be sent again; None: it has no key."""
    once: IdempotentRequest | None = g.get("once")
    return once


def asked_by(form: Form) -> Mapping[str, Any]:
    """What a form asks for, whatever its bytes were."""
    return {
        "files": {
            name: [digest_of(file.stream) for file in files]
            for name, files in form.files.items()
        },
        "fields": {name: _canonical(text) for name, text in form.fields.items()},
    }


def _scope(path: str) -> str:
    return f"{request.method} {path}"


def digest_of(stream: BinaryIO | Any) -> str:
    """Return the SHA-256 of a whole file, in hex, without having it in memory."""
    stream.seek(0)
    digest = hashlib.sha256()
    while chunk := stream.read(_CHUNK_BYTES):
        digest.update(chunk)
    stream.seek(0)
    return digest.hexdigest()


def _fingerprint(asked: Mapping[str, Any]) -> str:
    text = json.dumps(asked, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(text: str) -> str:
    """JSON in one way of writing; anything else as it is."""
    try:
        return json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError):
        return text
