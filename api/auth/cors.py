"""CORS: web pages of other origins that may use the API, with an API key.

`IMPASTO_ORIGINS` names them. A page sends its key in the Authorization header. Cookies
of such a page are not accepted: no response has `Access-Control-Allow-Credentials`,
without which a browser hides responses to requests with cookies. See
https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, request

from api.dependencies import current_dependencies
from api.http.header_sets import REQUEST_HEADERS, RESPONSE_HEADERS
from shared.errors import Forbidden

if TYPE_CHECKING:
    from shared.settings import Settings

_SHARED_PATHS = ("/v1/", "/problems/")
_SHARED_PAGES = {"/v1", "/openapi.json"}
_MAX_AGE_SECONDS = 7200  # maximum of Chrome for the cache of preflights
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PATCH, DELETE",
    "Access-Control-Allow-Headers": ", ".join(
        ["Authorization", "Content-Type", *REQUEST_HEADERS]
    ),
    "Access-Control-Max-Age": str(_MAX_AGE_SECONDS),
}
_EXPOSED = ", ".join(RESPONSE_HEADERS)


def answer_preflight() -> Response | None:
    """Return the response to a preflight request (OPTIONS), else None.

    A browser sends a preflight without the key, before the page's request with the key.

    Raises:
        Forbidden: The origin is not in `IMPASTO_ORIGINS`.
    """
    settings = current_dependencies().settings
    if (
        request.method != "OPTIONS"
        or "Access-Control-Request-Method" not in request.headers
        or not _is_shared(settings)
    ):
        return None
    if _allowed_origin(settings) is None:
        raise Forbidden(
            f"web pages of {request.headers.get('Origin')!r} may not use this server",
            hint="the operator names origins in IMPASTO_ORIGINS",
        )
    return Response(status=204, headers=_PREFLIGHT)


def add_cors_headers(response: Response) -> None:
    """Add the headers that let a page of an allowed origin read the response."""
    settings = current_dependencies().settings
    if not _is_shared(settings):
        return
    response.headers.add("Vary", "Origin")
    if (origin := _allowed_origin(settings)) is not None:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = _EXPOSED


def _is_shared(settings: Settings) -> bool:
    """Return whether other origins may use the address of the current request."""
    return bool(settings.origins) and (
        request.path.startswith(_SHARED_PATHS) or request.path in _SHARED_PAGES
    )


def _allowed_origin(settings: Settings) -> str | None:
    origin = request.headers.get("Origin")
    return origin if origin in settings.origins else None
