"""Who is asking, and what they may do: this machine itself, a key, or the page.

With keys, every request below /v1 carries one: as a Bearer token, or by way of the
page's cookie, and then writes carry the page's CSRF token too. A stream can be opened
by a token in its address instead. docs/keys.md.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import Flask, g, request

from api.auth.failed_attempts import look_up
from api.auth.origin_check import require_own_page, require_this_machine
from api.auth.sessions import COOKIE, CSRF_HEADER, read_session
from api.auth.stream_tokens import is_marked
from api.dependencies import current_services
from api.http.prefer import wants_stream
from shared.auth.api_keys import Scope
from shared.auth.stream_tokens import use_stream_token
from shared.errors import Forbidden, ForbiddenScope, Unauthenticated
from shared.jobs.submit import LOCAL_OWNER

if TYPE_CHECKING:
    from shared.auth.api_keys import KnownKey

_PROTECTED = "/v1/"
# A POST that makes nothing, or what reads only.
_LOOKS = frozenset({"/v1/estimates", "/v1/stream-tokens"})
STREAM_TOKEN = "stream_token"  # noqa: S105 - the name of a parameter
_READING = {"GET", "HEAD", "OPTIONS"}
# Views that say themselves what a key needs: more than to read or to write, or less.
_OTHERWISE = {"/v1/me", "/v1/keys"}


KEY_LAPSED = "this API key was revoked, or has expired, since the request came"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking.

    Attributes:
        owner_id: Of what the request makes and sees.
        scopes: What it may do.
        key: None where no keys are asked for.
    """

    owner_id: str
    scopes: frozenset[Scope]
    key: KnownKey | None = None

    def may(self, scope: Scope) -> bool:
        """Whether it may do what `scope` says."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


_LOCAL = Caller(LOCAL_OWNER, frozenset(Scope))


def register_authentication(app: Flask) -> None:
    """Let nobody into `app` who may not enter."""
    app.before_request(_admit)


def current_caller() -> Caller:
    """Return who makes the current request, below /v1."""
    return cast("Caller", g.caller)


def current_owner_id() -> str:
    """Return the owner of what the current request makes and sees."""
    return current_caller().owner_id


def current_key_id() -> str | None:
    """Return the id of the key that lets the current request in; None: none does."""
    key = current_caller().key
    return None if key is None else key.id


def require_scope(scope: Scope) -> None:
    """Turn away whoever may not do this.

    Raises:
        ForbiddenScope: The key lacks `scope`.
    """
    if not current_caller().may(scope):
        raise ForbiddenScope(f"this needs a key with the scope {scope}", scope)


def find_token(token: str) -> KnownKey:
    """Find a key.

    Raises:
        Unauthenticated: It is none, or not any more.
        RateLimited: The same, and the address has sent too many that were none.
    """
    return current_services().keys.recall(token) or look_up(token)


def _admit() -> None:
    if current_services().settings.auth == "none":
        require_this_machine()
        g.caller = _LOCAL
    elif request.path.startswith(_PROTECTED):
        g.caller = _caller()
        if not _OTHERWISE & {request.path, request.path.rpartition("/")[0]}:
            reading = request.method in _READING or request.path in _LOOKS
            require_scope(Scope.READ if reading else Scope.WRITE)


def _caller() -> Caller:
    told = request.headers.get("Authorization")
    if told is not None:
        key = _key_of_header(told)
    elif (token := request.args.get(STREAM_TOKEN)) is not None:
        key = _key_of_stream_token(token)
        return Caller(key.owner_id, frozenset({Scope.READ}), key)
    elif (cookie := request.cookies.get(COOKIE)) is not None:
        key = _key_of_page(cookie)
    else:
        raise Unauthenticated("no API key was sent")
    return Caller(key.owner_id, key.scopes, key)


def _key_of_header(told: str) -> KnownKey:
    scheme, _, token = told.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("no API key was sent")
    return find_token(token.strip())


def _key_of_stream_token(token: str) -> KnownKey:
    """Use the token up, whatever comes of the request: addresses are written down."""
    if not request.path.endswith("/events") or not wants_stream():
        raise Unauthenticated(
            "a stream token opens streams of events only",
            hint="send Accept: text/event-stream, or a key",
        )
    services, key = current_services(), None
    if is_marked(services.secret, token):
        key_id = use_stream_token(services.database, token)
        key = None if key_id is None else services.keys.by_id(key_id)
    if key is None:
        raise Unauthenticated(
            "this stream token is none, was used, or is too old",
            hint="a stream takes a new one each time: POST /v1/stream-tokens",
        )
    return key


def _key_of_page(cookie: str) -> KnownKey:
    services = current_services()
    session = read_session(services.secret, cookie)
    key = services.keys.by_id(session.key_id) if session is not None else None
    if session is None or key is None:
        raise Unauthenticated("the page's session is over", hint="enter the key again")
    if request.method not in _READING:
        require_own_page()
        sent = request.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(sent.encode(), session.csrf_token.encode()):
            raise Forbidden(
                "the page's CSRF token is missing or wrong",
                hint=f"send it as {CSRF_HEADER}, or send a key instead of the cookie",
            )
    return key
