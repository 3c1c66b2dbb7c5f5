"""Views of /session: log in to the page with a key, and log out.

The cookie is HttpOnly, so that scripts cannot read it.
"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from api.auth.authenticate import key_from_header
from api.auth.origin_check import require_own_page
from api.auth.sessions import COOKIE, SESSION_SECONDS, open_session, read_session
from api.dependencies import current_dependencies
from shared.errors import NotFound

blueprint = Blueprint("session", __name__)


@blueprint.post("/session")
def log_in() -> Response:
    """Set the cookie for a valid key, and return the CSRF token for writes."""
    dependencies = current_dependencies()
    if dependencies.settings.auth == "none":
        raise NotFound("no keys are asked for here")
    require_own_page()
    # In a header, since bodies of unauthenticated requests are not read.
    key = key_from_header(request.headers.get("Authorization", ""))
    cookie = open_session(dependencies.secret, key.id)
    session = read_session(dependencies.secret, cookie)
    response = jsonify(csrf_token=session.csrf_token if session else "")
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=SESSION_SECONDS,
        secure=_is_encrypted(),
        httponly=True,
        samesite="Strict",
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.delete("/session")
def log_out() -> Response:
    """Delete the cookie."""
    require_own_page()
    response = Response(status=204)
    response.delete_cookie(
        COOKIE, secure=_is_encrypted(), httponly=True, samesite="Strict"
    )
    return response


def _is_encrypted() -> bool:
    """Return whether the browser uses TLS, to this server or to a proxy."""
    return request.is_secure or request.headers.get("Origin", "").startswith("https://")
