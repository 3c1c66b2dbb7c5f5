"""Authentication of requests: by this machine, an API key, or the page's cookie.

With `IMPASTO_AUTH=keys`, every request below /v1 needs a key as a Bearer token, or the
page's cookie. With the cookie, writes also need the page's CSRF token. See
docs/keys.md.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import g, request

from api.auth.origin_check import require_own_page, require_this_machine
from api.auth.rate_limit import wrong_key_error
from api.auth.sessions import COOKIE, CSRF_HEADER, read_session
from api.dependencies import current_dependencies
from shared.auth.api_keys import Scope
from shared.errors import Forbidden, ForbiddenScope, Unauthenticated
from shared.jobs.submit import LOCAL_OWNER_ID

if TYPE_CHECKING:
    from shared.auth.api_keys import ValidKey

_PROTECTED = "/v1/"
_ESTIMATES = "/v1/estimates"  # POST needs only the scope read
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
# Views that check scopes themselves.
_OWN_SCOPE_CHECKS = {"/v1/me", "/v1/keys"}


KEY_NO_LONGER_VALID = "this API key was revoked, or has expired, since the request came"


@dataclass(frozen=True, slots=True)
class Caller:
    """Authenticated sender of a request.

    Attributes:
        owner_id: Owner of everything that the request reads and creates.
        scopes: Scopes that the request may use.
        key: API key of the request, or None with `IMPASTO_AUTH=none`.
    """

    owner_id: str
    scopes: frozenset[Scope]
    key: ValidKey | None = None

    def may(self, scope: Scope) -> bool:
        """Return whether the caller has `scope`; the scope admin includes all."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


_LOCAL_CALLER = Caller(LOCAL_OWNER_ID, frozenset(Scope))


def current_caller() -> Caller:
    """Return the caller of the current request below /v1."""
    return cast("Caller", g.caller)


def current_owner_id() -> str:
    """Return the owner id of the current caller."""
    return current_caller().owner_id


def current_key_id() -> str | None:
    """Return the id of the API key of the current request, or None without keys."""
    key = current_caller().key
    return None if key is None else key.id


def require_scope(scope: Scope) -> None:
    """Refuse the current request unless its caller has `scope`.

    Raises:
        ForbiddenScope: The key lacks `scope`.
    """
    if not current_caller().may(scope):
        raise ForbiddenScope(f"this needs a key with the scope {scope}", scope)


def authenticate_request() -> None:
    """Authenticate the current request before its view runs.

    Raises:
        Unauthenticated: The request has no valid key.
        RateLimited: The key is invalid, and the address has sent too many invalid keys.
        Forbidden: The address or origin is not allowed, or the key lacks a scope.
        DatabaseUnavailable: The keys cannot be read.
    """
    path = request.path
    if current_dependencies().settings.auth == "none":
        require_this_machine()
        g.caller = _LOCAL_CALLER
    elif path.startswith(_PROTECTED):
        g.caller = _read_caller()
        if not _OWN_SCOPE_CHECKS & {path, path.rpartition("/")[0]}:
            reading = request.method in _SAFE_METHODS or path == _ESTIMATES
            require_scope(Scope.READ if reading else Scope.WRITE)


def _read_caller() -> Caller:
    header = request.headers.get("Authorization")
    if header is not None:
        key = key_from_header(header)
    elif (cookie := request.cookies.get(COOKIE)) is not None:
        key = _key_from_session(cookie)
    else:
        raise Unauthenticated("no API key was sent")
    return Caller(key.owner_id, key.scopes, key)


def key_from_header(header: str) -> ValidKey:
    """Return the valid API key of an Authorization header.

    Raises:
        Unauthenticated: The key is missing, unknown, revoked or expired.
        RateLimited: The key is invalid, and the address has sent too many invalid keys.
        DatabaseUnavailable: The keys cannot be read.
    """
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("no API key was sent")
    key = current_dependencies().key_cache.find_by_token(token.strip())
    if key is None:
        raise wrong_key_error()
    return key


def _key_from_session(cookie: str) -> ValidKey:
    dependencies = current_dependencies()
    session = read_session(dependencies.secret, cookie)
    key = (
        dependencies.key_cache.find_by_id(session.key_id)
        if session is not None
        else None
    )
    if session is None or key is None:
        raise Unauthenticated("the page's session is over", hint="enter the key again")
    if request.method not in _SAFE_METHODS:
        require_own_page()
        sent = request.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(sent.encode(), session.csrf_token.encode()):
            raise Forbidden(
                "the page's CSRF token is missing or wrong",
                hint=f"send it as {CSRF_HEADER}, or send a key instead of the cookie",
            )
    return key
