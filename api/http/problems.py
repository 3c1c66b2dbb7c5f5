"""Problem documents (RFC 9457): models, list of problem types, error handlers."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal

import structlog
from flask import Flask, Response, g, json, request
from pydantic import Field
from werkzeug.exceptions import HTTPException

from api.http.schemas import ResponseModel, with_example
from shared.errors import (
    BadRequest,
    BodyTooSlow,
    ForbiddenScope,
    ImpastoError,
    IncompleteBody,
    InternalError,
    InvalidParams,
    MethodNotAllowed,
    NotFound,
    RangeNotSatisfiable,
    Unauthenticated,
    UnsupportedMediaType,
    UploadTooLarge,
)
from shared.logs import redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROBLEM_TYPE = "application/problem+json"


class FieldProblem(ResponseModel):
    """Error of one value of a request."""

    pointer: str = Field(description="JSON pointer into the request")
    code: str
    detail: str


class Problem(ResponseModel):
    """Problem document of a failed request (RFC 9457), with further members."""

    model_config = with_example(
        {
            "type": "/problems/validation",
            "title": InvalidParams.title,
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
    hint: str = Field(default="", description="next step for the client or its user")
    errors: list[FieldProblem] = Field(
        default=[], description="all invalid values of the request"
    )
    state: str | None = Field(
        default=None, description="state of the job, if it is the reason"
    )
    allowed_actions: list[str] | None = Field(
        default=None, description="actions that are possible in this state"
    )
    checkpoints: list[int] | None = Field(
        default=None, description="iterations from which the job can be forked"
    )
    scope: str | None = Field(
        default=None, description="scope that the key lacks, if it is the reason"
    )
    jobs: list[str] | None = Field(
        default=None, description="ids of jobs that need the picture"
    )
    cap: Literal["owner", "server"] | None = Field(
        default=None,
        description="limit of streams and long polls that is reached: owner or server",
    )
    most: int | None = Field(default=None, description="value of this limit")


log = structlog.get_logger(__name__)

# Errors that Flask itself raises; any other is a BadRequest.
_HTTP_ERRORS: dict[int | None, type[ImpastoError]] = {
    error.status: error
    for error in (
        NotFound,
        MethodNotAllowed,
        UploadTooLarge,
        UnsupportedMediaType,
        RangeNotSatisfiable,
    )
}


def list_problem_types() -> list[type[ImpastoError]]:
    """Return the first class of each code in responses of the API, by status."""
    types: dict[tuple[int, str], type[ImpastoError]] = {}
    for error in list_error_classes():
        if error.status is not None:
            types.setdefault((error.status, error.code), error)
    return [error for _, error in sorted(types.items(), key=itemgetter(0))]


def list_error_classes(
    base: type[ImpastoError] = ImpastoError,
) -> Iterator[type[ImpastoError]]:
    """Yield the classes of errors below `base`, each before those derived from it."""
    for error in base.__subclasses__():
        yield error
        yield from list_error_classes(error)


def register_problem_handlers(app: Flask) -> None:
    """Make `app` respond to every error with a problem document."""
    app.register_error_handler(ImpastoError, error_response)
    app.register_error_handler(HTTPException, http_error_response)
    app.register_error_handler(Exception, _handle_unexpected)


def error_response(error: ImpastoError) -> Response:
    """Build the response to an expected error.

    The message of a server error may name hosts, users and files. So it is logged, and
    the client gets the title instead.
    """
    if error.status is None:
        return _handle_unexpected(error)
    if error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return problem_response(error, str(error))
    log.warning("request_failed", error=str(error), code=error.code)
    return problem_response(error, error.title)


def problem_response(
    error: ImpastoError,
    detail: str,
    status: int | None = None,
    members: Mapping[str, object] | None = None,
) -> Response:
    """Build a problem response.

    Args:
        error: Error that has the code, the title and the other members.
        detail: Description of the problem in this request.
        status: HTTP status, or None for that of the error.
        members: Further members of the document, or None for those of the error.
    """
    status = status or error.status
    document: dict[str, Any] = {
        "type": f"/problems/{error.code}",
        "title": error.title,
        "status": status,
        "detail": detail,
        "instance": request.path,
        "code": error.code,
        "request_id": g.get("request_id"),
        "retryable": error.retryable,
        **(error.members if members is None else members),
    }
    if error.hint:
        document["hint"] = error.hint
    if error.errors:
        document["errors"] = [asdict(field) for field in error.errors]
    return Response(
        redact(json.dumps(document)),
        status=status,
        headers=_error_headers(error),
        mimetype=PROBLEM_TYPE,
    )


def _error_headers(error: ImpastoError) -> dict[str, str]:
    headers = {}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, BodyTooSlow | IncompleteBody):
        headers["Connection"] = "close"
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="impasto"'
    if isinstance(error, ForbiddenScope):  # RFC 6750, 3.1
        missing = f'error="insufficient_scope", scope="{error.scope}"'
        headers["WWW-Authenticate"] = f'Bearer realm="impasto", {missing}'
    return headers


def http_error_response(error: HTTPException) -> Response:
    """Build the response to an error that Flask itself raised."""
    kind = _HTTP_ERRORS.get(error.code, BadRequest)
    detail, hint = error.description or kind.title, ""
    if kind is NotFound:
        detail = f"{request.path[:200]} is no address of this server"
        hint = "GET /v1 leads on to all there is; /docs describes it"
    response = problem_response(kind(detail, hint=hint), detail, error.code)
    for name, value in error.get_headers():
        if name not in {"Content-Type", "Content-Length"}:
            response.headers[name] = value  # such as Allow
    return response


def _handle_unexpected(error: Exception) -> Response:
    log.error("request_crashed", path=request.path, exc_info=error)
    detail = "the server failed in a way that was not foreseen"
    return problem_response(InternalError(detail), detail)
