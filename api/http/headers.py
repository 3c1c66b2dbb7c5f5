"""Headers of every answer: the request's id, and what browsers must not do."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog
from flask import Flask, Response, g, request
from ulid import ULID

from shared.tracing import CURRENT, read_trace

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECURITY: Mapping[str, str] = {
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


def register_headers(app: Flask) -> None:
    """Name every request of `app`, and complete every answer."""
    app.before_request(_name_request)
    app.after_request(_complete)
    app.teardown_request(_forget_request)


def new_request_id() -> str:
    """Make an id that sorts by time."""
    return f"req_{ULID()}"


def _name_request() -> None:
    g.request_id = new_request_id()
    trace = read_trace(request.headers.get("traceparent"))
    CURRENT.set(trace)
    told = {} if trace is None else {"trace_id": trace.id}
    structlog.contextvars.bind_contextvars(request_id=g.request_id, **told)


def _complete(response: Response) -> Response:
    headers = response.headers
    headers.add("Request-Id", g.request_id)
    if response.status_code == HTTPStatus.NO_CONTENT:
        headers.remove("Content-Type")  # of nothing
    # Whoever has the rest has these, too (RFC 9110, 15.4.5), and most polls end here.
    if response.status_code == HTTPStatus.NOT_MODIFIED:
        return response
    # Once for all: `setdefault` looks through all of them, a tenth of a poll's cost.
    there = {name.lower() for name, _ in headers}
    for name, value in _SECURITY.items():
        if name.lower() not in there:
            headers.add(name, value)
    if request.path.startswith("/v1/") and "cache-control" not in there:
        headers.add("Cache-Control", "no-store")
    return response


def _forget_request(_error: BaseException | None) -> None:
    CURRENT.set(None)
    structlog.contextvars.unbind_contextvars("request_id", "trace_id")
