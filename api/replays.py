"""A request that may be sent again: its Idempotency-Key, and what it asks for.

The same thing sent twice differs in its bytes, as the boundaries of forms are random.
So the digest is one of what was read: pictures by their digests, JSON in one order.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from flask import g, request

from api.auth import current_owner_id
from api.limits import check_room
from api.services import current_services
from shared import jobs
from shared.errors import BadIdempotencyKey, StorageFull

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

    from api.forms import Form
    from api.services import Services

HEADER = "Idempotency-Key"
MAX_LENGTH = 255

_CHUNK_BYTES = 2**20


class Replay(Exception):
    """The request has been answered before; `answer` is what was said."""

    def __init__(self, answer: jobs.Answered) -> None:
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
    jobs.ensure_owner(database, owner_id)
    scope = _scope(place or request.path)
    found = jobs.hold(database, owner_id, scope, token, _fingerprint(asked))
    if isinstance(found, jobs.Answered):
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
        if token is None or not jobs.was_asked(services.database, *mine):
            raise


def current_once() -> jobs.Once | None:
    """The current request as one that may be sent again; None: it has no key."""
    once: jobs.Once | None = g.get("once")
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
