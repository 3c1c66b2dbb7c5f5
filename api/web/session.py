"""/session: opens the page with a key, which stays out of its scripts' reach."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request
from pydantic import BaseModel, ConfigDict

from api.auth.authenticate import find_token
from api.auth.origin_check import require_own_page
from api.auth.sessions import COOKIE, SESSION_SECONDS, open_session, read_session
from api.dependencies import current_services
from api.http.json_body import json_object, read_body
from shared.errors import NotFound

blueprint = Blueprint("session", __name__)


class Login(BaseModel):
    """What opens the page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str


@blueprint.post("/session")
def log_in() -> Response:
    """Set the cookie, for the right key; tell the token that writes carry."""
    services = current_services()
    if services.settings.auth == "none":
        raise NotFound("no keys are asked for here")
    require_own_page()
    said = json_object(request, places=services.logins)  # anybody may send one
    key = find_token(read_body(said, Login).key.strip())
    cookie = open_session(services.secret, key.id)
    session = read_session(services.secret, cookie)
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
    """Take the cookie away."""
    require_own_page()
    response = Response(status=204)
    response.delete_cookie(
        COOKIE, secure=_is_encrypted(), httponly=True, samesite="Strict"
    )
    return response


def _is_encrypted() -> bool:
    """Whether the browser speaks TLS, to us or to a proxy before us."""
    return request.is_secure or request.headers.get("Origin", "").startswith("https://")
