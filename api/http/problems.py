"""What the API says of a failed request, as Pydantic models.

Errors as RFC 9457 problem documents: one table, error class -> status and title.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

import structlog
from flask import Flask, Response, g, json, request
from pydantic import ConfigDict, Field
from werkzeug.exceptions import HTTPException

from api.http.schemas import ResponseModel
from shared.errors import (
    AssetGone,
    AssetInUse,
    BadCursor,
    BadIdempotencyKey,
    DatabaseUnavailable,
    DigestMismatch,
    FieldError,
    Forbidden,
    ForbiddenScope,
    IdempotencyInProgress,
    IdempotencyKeyReused,
    ImageTooLarge,
    ImageUnreadable,
    ImmutableField,
    ImpastoError,
    InvalidParams,
    InvalidRequest,
    InvalidState,
    JobPurged,
    MalformedJson,
    MalformedMultipart,
    NoSuchCheckpoint,
    NotFound,
    PreconditionRequired,
    QueueFull,
    QuotaExceeded,
    RateLimited,
    ResultNeverComes,
    ResultNotReady,
    ResultPurged,
    ServerBusy,
    StorageError,
    StorageFull,
    TooManyStreams,
    Unauthenticated,
    UnsupportedMediaType,
    UploadTooLarge,
    VersionMismatch,
)
from shared.logs import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

PROBLEM: dict[str, Any] = {
    "type": "/problems/validation",
    "title": "Some values are not valid",
    "status": 422,
    "detail": "1 invalid value(s): /max_edge: Input should be a valid integer, not '9'",
    "instance": "/v1/jobs",
    "code": "validation",
    "request_id": "req_01JD0000000000000000000000",
    "retryable": False,
    "errors": [
        {
            "pointer": "/max_edge",
            "code": "int-type",
            "detail": "Input should be a valid integer, not '9'",
        }
    ],
}


class FieldProblem(ResponseModel):
    """One wrong value."""

    pointer: str = Field(description="JSON pointer into the request")
    code: str
    detail: str


class Problem(ResponseModel):
    """Why a request failed: RFC 9457, with additions."""

    model_config = ConfigDict(json_schema_extra={"example": PROBLEM})

    type: str = Field(description="address of a page that explains this kind")
    title: str
    status: int
    detail: str
    instance: str
    code: str = Field(description="stable name of this kind of problem")
    request_id: str
    retryable: bool = Field(description="the same request may succeed later")
    hint: str = Field(default="", description="what to do about it")
    errors: list[FieldProblem] = Field(
        default=[], description="every wrong value of the request"
    )
    state: str | None = Field(default=None, description="of the job, if that is why")
    allowed_actions: list[str] | None = Field(
        default=None, description="what would work in this state"
    )
    checkpoints: list[int] | None = Field(
        default=None, description="iterations that the job can be forked from"
    )
    scope: str | None = Field(
        default=None, description="what the key would need, if that is why"
    )
    jobs: list[str] | None = Field(
        default=None, description="ids of jobs that need the picture"
    )
    cap: Literal["owner", "server"] | None = Field(
        default=None, description="which one is reached, of streams and held requests"
    )
    most: int | None = Field(default=None, description="that it allows")


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


KINDS: dict[type[ImpastoError], Kind] = {
    MalformedJson: Kind(400, "This is not the JSON that is needed"),
    MalformedMultipart: Kind(400, "The form cannot be read"),
    BadIdempotencyKey: Kind(400, "The Idempotency-Key cannot be used"),
    BadCursor: Kind(400, "The page cursor is not valid"),
    Unauthenticated: Kind(401, "A valid API key is needed"),
    Forbidden: Kind(403, "This is not allowed"),
    ForbiddenScope: Kind(403, "The key may not do this"),
    NotFound: Kind(404, "There is nothing here"),
    InvalidState: Kind(409, "The job's state does not allow this"),
    IdempotencyInProgress: Kind(409, "The first request is not answered yet", 1),
    NoSuchCheckpoint: Kind(409, "The job has no checkpoint there"),
    DigestMismatch: Kind(409, "The bytes are not those of the digest"),
    AssetInUse: Kind(409, "A job needs the picture"),
    AssetGone: Kind(409, "A picture that is needed was deleted"),
    ResultPurged: Kind(410, "It is gone"),
    JobPurged: Kind(410, "It is gone"),
    ResultNotReady: Kind(409, "The picture is not ready", 5),
    ResultNeverComes: Kind(409, "There will be no picture"),
    VersionMismatch: Kind(412, "The job has changed meanwhile"),
    UploadTooLarge: Kind(413, "The upload is too large"),
    UnsupportedMediaType: Kind(415, "A body of this kind is not taken"),
    InvalidParams: Kind(422, "Some values are not valid"),
    ImmutableField: Kind(422, "Some values cannot change any more"),
    IdempotencyKeyReused: Kind(422, "The Idempotency-Key is taken"),
    ImageUnreadable: Kind(422, "The file is not a picture we can read"),
    ImageTooLarge: Kind(422, "The picture has too many pixels"),
    PreconditionRequired: Kind(428, "The revision must be told"),
    QueueFull: Kind(429, "Too many jobs are waiting", 30),
    QuotaExceeded: Kind(429, "Too many of your jobs are waiting", 30),
    RateLimited: Kind(429, "Too many requests", 1),
    TooManyStreams: Kind(429, "Too many streams are open", 5),
    ServerBusy: Kind(
        503, "The server is busy", 5, "too many uploads at once; try again"
    ),
    DatabaseUnavailable: Kind(
        503, "The database cannot be reached", 5, "the database does not answer now"
    ),
    StorageFull: Kind(
        503, "There is no room for more pictures", 60, "too little space is free"
    ),
    StorageError: Kind(
        503,
        "The picture storage cannot be reached",
        5,
        "the picture cannot be read or written now",
        DatabaseUnavailable.code,
    ),
}

# What Flask itself refuses, by status; any other is `bad-request`.
HTTP_CODES = {
    404: NotFound.code,
    405: "method-not-allowed",
    413: UploadTooLarge.code,
    415: UnsupportedMediaType.code,
    416: "range-not-satisfiable",
}
BAD_REQUEST = "bad-request"
HTTP_TITLES = {
    404: KINDS[NotFound].title,
    405: "The address does not take this method",
    413: KINDS[UploadTooLarge].title,
    415: KINDS[UnsupportedMediaType].title,
    416: "There is nothing of the part that was asked for",
}
BAD_REQUEST_TITLE = "Bad request"


class PictureRefused(InvalidRequest):
    """Pictures of the upload cannot be used: which ones, and why.

    Attributes:
        cause: What is wrong with the first.
        errors: What is wrong with each.
    """

    def __init__(self, causes: Mapping[str, ImpastoError]) -> None:
        named = [f"{pointer.lstrip('/')}: {cause}" for pointer, cause in causes.items()]
        self.cause = next(iter(causes.values()))
        super().__init__("; ".join(named), hint=self.cause.hint)
        self.errors = tuple(
            FieldError(pointer, code_of(cause), str(cause))
            for pointer, cause in causes.items()
        )


def register_problem_handlers(app: Flask) -> None:
    """Answer every error of `app` with a problem document."""
    app.register_error_handler(ImpastoError, expected)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def kind_of(error: ImpastoError) -> Kind | None:
    """Find the row of the nearest class in the table; None: not meant for clients."""
    return next((KINDS[base] for base in type(error).__mro__ if base in KINDS), None)


def code_of(error: ImpastoError) -> str:
    """Name the problem as it stands in `code` and in the address of its page."""
    return code_of_kind(error, kind_of(error))


def code_of_kind(error: ImpastoError | type[ImpastoError], kind: Kind | None) -> str:
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


def expected(error: ImpastoError) -> Response:
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


def _headers(error: ImpastoError, kind: Kind) -> dict[str, str]:
    if isinstance(error, RateLimited):
        return {"Retry-After": str(error.retry_after_seconds)}
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": 'Bearer realm="impasto"'}
    if isinstance(error, ForbiddenScope):  # RFC 6750, 3.1
        missing = f'error="insufficient_scope", scope="{error.scope}"'
        return {"WWW-Authenticate": f'Bearer realm="impasto", {missing}'}
    if kind.retry_after_seconds is not None:
        return {"Retry-After": str(kind.retry_after_seconds)}
    return {}


def _fields(error: ImpastoError) -> list[dict[str, str]] | None:
    named = InvalidParams | ForbiddenScope | PictureRefused
    if not isinstance(error, named) or not error.errors:
        return None
    return [
        {"pointer": one.pointer, "code": one.code, "detail": one.detail}
        for one in error.errors
    ]


def _members(error: ImpastoError) -> Mapping[str, object]:
    if isinstance(error, InvalidState | ResultNeverComes):
        return {"state": error.state, "allowed_actions": error.allowed}
    if isinstance(error, ForbiddenScope):
        return {"scope": error.scope}
    if isinstance(error, TooManyStreams):
        return {"cap": error.cap, "most": error.most}
    if isinstance(error, NoSuchCheckpoint):
        return {"checkpoints": list(error.iterations)}
    if isinstance(error, AssetInUse):
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
