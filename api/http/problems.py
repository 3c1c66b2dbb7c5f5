"""Problem documents (RFC 9457): models, table of problem types, error handlers."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

import structlog
from flask import Flask, Response, g, json, request
from pydantic import Field
from werkzeug.exceptions import HTTPException

from api.http.schemas import ResponseModel, with_example
from shared.errors import (
    AssetGone,
    AssetInUse,
    BodyTooSlow,
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
    IncompleteBody,
    InvalidCursor,
    InvalidIdempotencyKey,
    InvalidParams,
    InvalidRequest,
    InvalidState,
    JobPurged,
    LengthRequired,
    MalformedJson,
    MalformedMultipart,
    NoSuchCheckpoint,
    NotFound,
    PreconditionRequired,
    QueueFull,
    QuotaExceeded,
    RateLimited,
    ResultNotReady,
    ResultPurged,
    ResultUnavailable,
    ServerBusy,
    StorageError,
    StorageFull,
    TooManyStreams,
    TooManyUploads,
    Unauthenticated,
    UnsupportedMediaType,
    UploadTooLarge,
    VersionMismatch,
)
from shared.logs import redact

if TYPE_CHECKING:
    from collections.abc import Mapping


class FieldProblem(ResponseModel):
    """Error of one value of a request."""

    pointer: str = Field(description="JSON pointer into the request")
    code: str
    detail: str


class Problem(ResponseModel):
    """Problem document of a failed request: RFC 9457, with additions."""

    model_config = with_example(
        {
            "type": "/problems/validation",
            "title": "Some values are not valid",
            "status": 422,
            "detail": "1 invalid value(s): /max_edge: Input should be a valid "
            "integer, not '9'",
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
    )

    type: str = Field(description="URL of a page that explains this type of problem")
    title: str
    status: int
    detail: str
    instance: str
    code: str = Field(description="stable name of this type of problem")
    request_id: str
    retryable: bool = Field(description="the same request may succeed later")
    hint: str = Field(default="", description="what you can do")
    errors: list[FieldProblem] = Field(
        default=[], description="every wrong value of the request"
    )
    state: str | None = Field(
        default=None, description="state of the job, if it is the reason"
    )
    allowed_actions: list[str] | None = Field(
        default=None, description="actions that are possible in this state"
    )
    checkpoints: list[int] | None = Field(
        default=None, description="iterations that the job can be forked from"
    )
    scope: str | None = Field(
        default=None, description="scope that the key lacks, if it is the reason"
    )
    jobs: list[str] | None = Field(
        default=None, description="ids of jobs that need the picture"
    )
    cap: Literal["owner", "server"] | None = Field(
        default=None, description="which limit of streams and long polls is reached"
    )
    most: int | None = Field(default=None, description="value of this limit")


log = structlog.get_logger(__name__)

INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """Problem type of a class of errors.

    Attributes:
        status: HTTP status.
        title: Title, the same for each error of the class.
        retry_after_seconds: Seconds after which a retry may succeed, or None.
        detail: Text that replaces the text of the error, which may name hosts, users
            and files and is then only logged; or None.
        code: Code, or None for that of the error class.
    """

    status: int
    title: str
    retry_after_seconds: int | None = None
    detail: str | None = None
    code: str | None = None


PROBLEM_TYPES: dict[type[ImpastoError], ProblemType] = {
    MalformedJson: ProblemType(400, "This is not the JSON that is needed"),
    MalformedMultipart: ProblemType(400, "The form cannot be read"),
    IncompleteBody: ProblemType(400, "The body broke off"),
    InvalidIdempotencyKey: ProblemType(400, "The Idempotency-Key cannot be used"),
    InvalidCursor: ProblemType(400, "The page cursor is not valid"),
    Unauthenticated: ProblemType(401, "A valid API key is needed"),
    Forbidden: ProblemType(403, "This is not allowed"),
    ForbiddenScope: ProblemType(403, "The key may not do this"),
    NotFound: ProblemType(404, "There is nothing here"),
    BodyTooSlow: ProblemType(408, "The body arrives too slowly"),
    InvalidState: ProblemType(409, "The job's state does not allow this"),
    IdempotencyInProgress: ProblemType(409, "The first request is not answered yet", 1),
    NoSuchCheckpoint: ProblemType(409, "The job has no checkpoint there"),
    DigestMismatch: ProblemType(409, "The bytes are not those of the digest"),
    AssetInUse: ProblemType(409, "A job needs the picture"),
    AssetGone: ProblemType(409, "A picture that is needed was deleted"),
    ResultPurged: ProblemType(410, "It is gone"),
    JobPurged: ProblemType(410, "It is gone"),
    ResultNotReady: ProblemType(409, "The picture is not ready", 5),
    ResultUnavailable: ProblemType(409, "There will be no picture"),
    LengthRequired: ProblemType(411, "The length of the body is needed"),
    VersionMismatch: ProblemType(412, "The job has changed meanwhile"),
    UploadTooLarge: ProblemType(413, "The upload is too large"),
    UnsupportedMediaType: ProblemType(415, "A body of this kind is not taken"),
    InvalidParams: ProblemType(422, "Some values are not valid"),
    ImmutableField: ProblemType(422, "Some values cannot change any more"),
    IdempotencyKeyReused: ProblemType(422, "The Idempotency-Key is taken"),
    ImageUnreadable: ProblemType(422, "The file is not a picture we can read"),
    ImageTooLarge: ProblemType(422, "The picture has too many pixels"),
    PreconditionRequired: ProblemType(428, "The revision must be told"),
    QueueFull: ProblemType(429, "Too many jobs are waiting", 30),
    QuotaExceeded: ProblemType(429, "Too many of your jobs are waiting", 30),
    RateLimited: ProblemType(429, "Too many requests", 1),
    TooManyUploads: ProblemType(429, "Too many of your uploads are arriving", 5),
    TooManyStreams: ProblemType(429, "Too many streams are open", 5),
    ServerBusy: ProblemType(
        503, "The server is busy", 5, "too many uploads at once; try again"
    ),
    DatabaseUnavailable: ProblemType(
        503, "The database cannot be reached", 5, "the database does not answer now"
    ),
    StorageFull: ProblemType(
        503, "There is no room for more pictures", 60, "too little space is free"
    ),
    StorageError: ProblemType(
        503,
        "The picture storage cannot be reached",
        5,
        "the picture cannot be read or written now",
        DatabaseUnavailable.code,
    ),
}

# Codes of errors that Flask itself raises, by status; any other is `bad-request`.
HTTP_CODES = {
    404: NotFound.code,
    405: "method-not-allowed",
    413: UploadTooLarge.code,
    415: UnsupportedMediaType.code,
    416: "range-not-satisfiable",
}
BAD_REQUEST = "bad-request"
HTTP_TITLES = {
    404: PROBLEM_TYPES[NotFound].title,
    405: "The address does not take this method",
    413: PROBLEM_TYPES[UploadTooLarge].title,
    415: PROBLEM_TYPES[UnsupportedMediaType].title,
    416: "There is nothing of the part that was asked for",
}
BAD_REQUEST_TITLE = "Bad request"


class InvalidImages(InvalidRequest):
    """Images of the upload cannot be used: which ones, and why.

    Attributes:
        cause: Error of the first image.
        errors: One error for each image.
    """

    def __init__(self, causes: Mapping[str, ImpastoError]) -> None:
        messages = [
            f"{pointer.lstrip('/')}: {cause}" for pointer, cause in causes.items()
        ]
        self.cause = next(iter(causes.values()))
        super().__init__("; ".join(messages), hint=self.cause.hint)
        self.errors = tuple(
            FieldError(pointer, problem_code(cause), str(cause))
            for pointer, cause in causes.items()
        )


def register_problem_handlers(app: Flask) -> None:
    """Make `app` respond to every error with a problem document."""
    app.register_error_handler(ImpastoError, error_response)
    app.register_error_handler(HTTPException, _handle_http_exception)
    app.register_error_handler(Exception, _handle_unexpected)


def problem_type_of(error: ImpastoError) -> ProblemType | None:
    """Return the type of the nearest class in the table; None if there is none."""
    return next(
        (PROBLEM_TYPES[base] for base in type(error).__mro__ if base in PROBLEM_TYPES),
        None,
    )


def problem_code(error: ImpastoError) -> str:
    """Return the code of an error, which is also in the URL of its page."""
    return code_of_type(error, problem_type_of(error))


def code_of_type(
    error: ImpastoError | type[ImpastoError], problem_type: ProblemType | None
) -> str:
    """Return the code of errors of a class that has this problem type."""
    return (problem_type and problem_type.code) or error.code.replace("_", "-")


def problem_response(
    status: int, title: str, detail: str, code: str, **extra: object
) -> Response:
    """Build a problem response; members of `extra` that are None or "" are left out."""
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


def error_response(error: ImpastoError) -> Response:
    """Build the response to an error that was raised on purpose."""
    cause = error.cause if isinstance(error, InvalidImages) else error
    problem_type = problem_type_of(cause)
    if problem_type is None:
        return _handle_unexpected(error)
    response = problem_response(
        problem_type.status,
        problem_type.title,
        problem_type.detail or str(error),
        problem_code(cause),
        errors=_field_errors(error),
        hint=error.hint,
        retryable=cause.retryable or problem_type.retry_after_seconds is not None,
        **_extra_members(error),
    )
    response.headers.update(_error_headers(cause, problem_type))
    if problem_type.status >= 500:  # noqa: PLR2004 - not the caller's fault
        log.warning("request_failed", error=str(error), code=problem_code(cause))
    return response


def _error_headers(error: ImpastoError, problem_type: ProblemType) -> dict[str, str]:
    if isinstance(error, RateLimited):
        return {"Retry-After": str(error.retry_after_seconds)}
    if isinstance(error, BodyTooSlow | IncompleteBody):
        return {"Connection": "close"}
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": 'Bearer realm="impasto"'}
    if isinstance(error, ForbiddenScope):  # RFC 6750, 3.1
        missing = f'error="insufficient_scope", scope="{error.scope}"'
        return {"WWW-Authenticate": f'Bearer realm="impasto", {missing}'}
    if problem_type.retry_after_seconds is not None:
        return {"Retry-After": str(problem_type.retry_after_seconds)}
    return {}


def _field_errors(error: ImpastoError) -> list[dict[str, str]] | None:
    with_fields = InvalidParams | ForbiddenScope | InvalidImages
    if not isinstance(error, with_fields) or not error.errors:
        return None
    return [
        {
            "pointer": field_error.pointer,
            "code": field_error.code,
            "detail": field_error.detail,
        }
        for field_error in error.errors
    ]


def _extra_members(error: ImpastoError) -> Mapping[str, object]:
    if isinstance(error, InvalidState | ResultUnavailable):
        return {"state": error.state, "allowed_actions": error.allowed_actions}
    if isinstance(error, ForbiddenScope):
        return {"scope": error.scope}
    if isinstance(error, TooManyStreams):
        return {"cap": error.cap, "most": error.limit}
    if isinstance(error, NoSuchCheckpoint):
        return {"checkpoints": list(error.iterations)}
    if isinstance(error, AssetInUse):
        return {"jobs": list(error.jobs)}
    return {}


def _handle_http_exception(error: HTTPException) -> Response:
    status = error.code or 500  # None is for redirects, which Flask handles itself
    code = HTTP_CODES.get(status, BAD_REQUEST)
    title, detail, hint = HTTP_TITLES.get(status, BAD_REQUEST_TITLE), "", ""
    if status == HTTPStatus.NOT_FOUND:
        detail = f"{request.path[:200]} is no address of this server"
        hint = "GET /v1 leads on to all there is; /docs describes it"
    detail = detail or error.description or title
    response = problem_response(status, title, detail, code, hint=hint)
    for name, value in error.get_headers():
        if name not in {"Content-Type", "Content-Length"}:
            response.headers[name] = value  # Allow, for one
    return response


def _handle_unexpected(error: Exception) -> Response:
    log.error("request_crashed", path=request.path, exc_info=error)
    return problem_response(
        500,
        "This is a bug in Impasto",
        "the server failed in a way that was not foreseen",
        INTERNAL,
        hint="give the request id to the operator: the log has the details under it",
    )
