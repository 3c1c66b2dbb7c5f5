"""Headers of all responses, ids of requests, and refusal of compressed bodies."""

from __future__ import annotations

import secrets
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog
from flask import Response, g, request

from api.http.problems import error_response
from shared.errors import UnsupportedMediaType
from shared.tracing import CURRENT_TRACE, parse_traceparent

if TYPE_CHECKING:
    from collections.abc import Mapping

SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        "img-src 'self' blob:; connect-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def refuse_compressed_body() -> Response | None:
    """Return the response to a request with a compressed body, else None."""
    if request.method not in {"POST", "PATCH"} or request.url_rule is None:
        return None
    coding = request.headers.get("Content-Encoding", "").strip().lower()
    if coding in {"", "identity"}:
        return None
    error = UnsupportedMediaType(
        f"the body has the Content-Encoding {coding[:40]!r}, which is not decoded here",
        hint="send it as it is, without Content-Encoding; pictures are small already",
    )
    response = error_response(error)
    response.headers["Accept-Encoding"] = "identity"  # RFC 9110, 15.5.16
    return response


def new_request_id() -> str:
    """Return a new request id; ids sort by time.

    An id has milliseconds and 60 random bits. A ULID would take ten times as long.
    """
    return f"req_{time.time_ns() // 1_000_000:011X}{secrets.token_hex(8)[1:].upper()}"


def begin_request() -> None:
    """Set the id of the current request, and add the id and the trace to its logs."""
    g.request_id = new_request_id()
    trace = parse_traceparent(request.headers.get("traceparent"))
    CURRENT_TRACE.set(trace)
    trace_fields = {} if trace is None else {"trace_id": trace.trace_id}
    structlog.contextvars.bind_contextvars(request_id=g.request_id, **trace_fields)


def add_headers(response: Response) -> None:
    """Add the headers that every response has."""
    headers = response.headers
    headers.add("Request-Id", g.request_id)
    if response.status_code == HTTPStatus.NO_CONTENT:
        headers.remove("Content-Type")  # the response has no content
    # The client has the other headers already (RFC 9110, 15.4.5). Most polls end here.
    if response.status_code == HTTPStatus.NOT_MODIFIED:
        return
    # A set of names, since `setdefault` would take a tenth of the time of a poll.
    present = {name.lower() for name, _ in headers}
    for name, value in SECURITY_HEADERS.items():
        if name.lower() not in present:
            headers.add(name, value)
    if request.path.startswith("/v1/") and "cache-control" not in present:
        headers.add("Cache-Control", "no-store")


def end_request() -> None:
    """Remove the id and the trace of the request from the thread, which is reused."""
    structlog.contextvars.unbind_contextvars("request_id")
    if CURRENT_TRACE.get() is not None:
        CURRENT_TRACE.set(None)
        structlog.contextvars.unbind_contextvars("trace_id")
