"""Errors as RFC 9457 problem documents: one table, error class -> status and title."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import structlog
from flask import Flask, Response, g, json, request
from werkzeug.exceptions import HTTPException

from shared import errors
from shared.redacting import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

log = structlog.get_logger(__name__)

INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Kind:
    """How a class of errors looks over HTTP.

    Attributes:
        status: Of the answer.
        title: The same for each error of the class.
        retry_after_seconds: When it is worth another try; None: not by itself.
        detail: Said instead of the error's own text, which is for the log where it
            could name hosts, users and files.
        code: None for that of the error class.
    """

    status: int
    title: str
    retry_after_seconds: int | None = None
    detail: str | None = None
    code: str | None = None


KINDS: dict[type[errors.ImpastoError], Kind] = {
    errors.MalformedJson: Kind(400, "This is not the JSON that is needed"),
    errors.MalformedMultipart: Kind(400, "The form cannot be read"),
    errors.BadIdempotencyKey: Kind(400, "The Idempotency-Key cannot be used"),
    errors.BadCursor: Kind(400, "The page cursor is not valid"),
    errors.Unauthenticated: Kind(401, "A valid API key is needed"),
    errors.Forbidden: Kind(403, "This is not allowed"),
    errors.ForbiddenScope: Kind(403, "The key may not do this"),
    errors.NotFound: Kind(404, "There is nothing here"),
    errors.InvalidState: Kind(409, "The job's state does not allow this"),
    errors.IdempotencyInProgress: Kind(409, "The first request is not answered yet", 1),
    errors.NoSuchCheckpoint: Kind(409, "The job has no checkpoint there"),
    errors.DigestMismatch: Kind(409, "The bytes are not those of the digest"),
    errors.AssetInUse: Kind(409, "A job needs the picture"),
    errors.AssetGone: Kind(409, "A picture that is needed was deleted"),
    errors.ResultPurged: Kind(410, "It is gone"),
    errors.JobPurged: Kind(410, "It is gone"),
    errors.ResultNotReady: Kind(409, "The picture is not ready", 5),
    errors.ResultNeverComes: Kind(409, "There will be no picture"),
    errors.VersionMismatch: Kind(412, "The job has changed meanwhile"),
    errors.UploadTooLarge: Kind(413, "The upload is too large"),
    errors.UnsupportedMediaType: Kind(415, "A body of this kind is not taken"),
    errors.InvalidParams: Kind(422, "Some values are not valid"),
    errors.ImmutableField: Kind(422, "Some values cannot change any more"),
    errors.IdempotencyKeyReused: Kind(422, "The Idempotency-Key is taken"),
    errors.ImageUnreadable: Kind(422, "The file is not a picture we can read"),
    errors.ImageTooLarge: Kind(422, "The picture has too many pixels"),
    errors.PreconditionRequired: Kind(428, "The revision must be told"),
    errors.QueueFull: Kind(429, "Too many jobs are waiting", 30),
    errors.QuotaExceeded: Kind(429, "Too many of your jobs are waiting", 30),
    errors.RateLimited: Kind(429, "Too many requests", 1),
    errors.TooManyStreams: Kind(429, "Too many streams are open", 5),
    errors.ServerBusy: Kind(
        503, "The server is busy", 5, "too many uploads at once; try again"
    ),
    errors.DatabaseUnavailable: Kind(
        503, "The database cannot be reached", 5, "the database does not answer now"
    ),
    errors.StorageFull: Kind(
        503, "There is no room for more pictures", 60, "too little space is free"
    ),
    errors.StorageError: Kind(
        503,
        "The picture storage cannot be reached",
        5,
        "the picture cannot be read or written now",
        errors.DatabaseUnavailable.code,
    ),
}

# What Flask itself refuses, by status; any other is `bad-request`.
HTTP_CODES = {
    404: errors.NotFound.code,
    405: "method-not-allowed",
    413: errors.UploadTooLarge.code,
    415: errors.UnsupportedMediaType.code,
    416: "range-not-satisfiable",
}
BAD_REQUEST = "bad-request"
HTTP_TITLES = {
    404: KINDS[errors.NotFound].title,
    405: "The address does not take this method",
    413: KINDS[errors.UploadTooLarge].title,
    415: KINDS[errors.UnsupportedMediaType].title,
    416: "There is nothing of the part that was asked for",
}
BAD_REQUEST_TITLE = "Bad request"


class PictureRefused(errors.InvalidRequest):
    """Pictures of the upload cannot be used: which ones, and why.

    Attributes:
        cause: What is wrong with the first.
        errors: What is wrong with each.
    """

    def __init__(self, causes: Mapping[str, errors.ImpastoError]) -> None:
        named = [f"{pointer.lstrip('/')}: {cause}" for pointer, cause in causes.items()]
        self.cause = next(iter(causes.values()))
        super().__init__("; ".join(named), hint=self.cause.hint)
        self.errors = tuple(
            errors.FieldError(pointer, code_of(cause), str(cause))
            for pointer, cause in causes.items()
        )


def register(app: Flask) -> None:
    """Answer every error of `app` with a problem document."""
    app.register_error_handler(errors.ImpastoError, expected)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def kind_of(error: errors.ImpastoError) -> Kind | None:
    """Find the row of the nearest class in the table; None: not meant for clients."""
    return next((KINDS[base] for base in type(error).__mro__ if base in KINDS), None)


def code_of(error: errors.ImpastoError) -> str:
    """Name the problem as it stands in `code` and in the address of its page."""
    return code_of_kind(error, kind_of(error))


def code_of_kind(
    error: errors.ImpastoError | type[errors.ImpastoError], kind: Kind | None
) -> str:
    """Name the problem that errors of a class are, which look as `kind` says."""
    return (kind and kind.code) or error.code.replace("_", "-")


def problem(
    status: int, title: str, detail: str, code: str, **extra: object
) -> Response:
    """Build the answer; members of `extra` that are None or "" are left out."""
    document: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": request.path,
        "code": code,
        "request_id": g.get("request_id"),
        "retryable": False,
    }
    document |= {
        name: value for name, value in extra.items() if value not in ("", None)
    }
    return Response(
        redact(json.dumps(document)),
        status=status,
        mimetype="application/problem+json",
    )


def expected(error: errors.ImpastoError) -> Response:
    """Answer an error that was raised on purpose."""
    cause = error.cause if isinstance(error, PictureRefused) else error
    kind = kind_of(cause)
    if kind is None:
        return _unexpected(error)
    response = problem(
        kind.status,
        kind.title,
        kind.detail or str(error),
        code_of(cause),
        errors=_fields(error),
        hint=error.hint,
        retryable=cause.retryable or kind.retry_after_seconds is not None,
        **_members(error),
    )
    response.headers.update(_headers(cause, kind))
    if kind.status >= 500:  # noqa: PLR2004 - not the caller's fault
        log.warning("request_failed", error=str(error), code=code_of(cause))
    return response


def _headers(error: errors.ImpastoError, kind: Kind) -> dict[str, str]:
    if isinstance(error, errors.RateLimited):
        return {"Retry-After": str(error.retry_after_seconds)}
    if isinstance(error, errors.Unauthenticated):
        return {"WWW-Authenticate": 'Bearer realm="impasto"'}
    if isinstance(error, errors.ForbiddenScope):  # RFC 6750, 3.1
        missing = f'error="insufficient_scope", scope="{error.scope}"'
        return {"WWW-Authenticate": f'Bearer realm="impasto", {missing}'}
    if kind.retry_after_seconds is not None:
        return {"Retry-After": str(kind.retry_after_seconds)}
    return {}


def _fields(error: errors.ImpastoError) -> list[dict[str, str]] | None:
    named = errors.InvalidParams | errors.ForbiddenScope | PictureRefused
    if not isinstance(error, named) or not error.errors:
        return None
    return [
        {"pointer": one.pointer, "code": one.code, "detail": one.detail}
        for one in error.errors
    ]


def _members(error: errors.ImpastoError) -> Mapping[str, object]:
    if isinstance(error, errors.InvalidState | errors.ResultNeverComes):
        return {"state": error.state, "allowed_actions": error.allowed}
    if isinstance(error, errors.ForbiddenScope):
        return {"scope": error.scope}
    if isinstance(error, errors.TooManyStreams):
        return {"cap": error.cap, "most": error.most}
    if isinstance(error, errors.NoSuchCheckpoint):
        return {"checkpoints": list(error.iterations)}
    if isinstance(error, errors.AssetInUse):
        return {"jobs": list(error.jobs)}
    return {}


def _http(error: HTTPException) -> Response:
    status = error.code or 500  # None is for redirects, which Flask answers itself
    code = HTTP_CODES.get(status, BAD_REQUEST)
    title, detail, hint = HTTP_TITLES.get(status, BAD_REQUEST_TITLE), "", ""
    if status == HTTPStatus.NOT_FOUND:
        detail = f"{request.path[:200]} is no address of this server"
        hint = "GET /v1 leads on to all there is; /docs describes it"
    detail = detail or error.description or title
    response = problem(status, title, detail, code, hint=hint)
    for name, value in error.get_headers():
        if name not in {"Content-Type", "Content-Length"}:
            response.headers[name] = value  # Allow, for one
    return response


def _unexpected(error: Exception) -> Response:
    log.error("request_crashed", path=request.path, exc_info=error)
    return problem(
        500,
        "This is a bug in Impasto",
        "the server failed in a way that was not foreseen",
        INTERNAL,
        hint="give the request id to the operator: the log has the details under it",
    )
