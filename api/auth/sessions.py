"""Sessions of the web page: a signed cookie with the id of a key, and a CSRF token.

The server stores no sessions: a cookie is valid for 12 hours, while its key is valid.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from itsdangerous import BadSignature, URLSafeTimedSerializer

COOKIE = "impasto_session"
CSRF_HEADER = "CSRF-Token"
SESSION_SECONDS = 12 * 3600


@dataclass(frozen=True, slots=True)
class PageSession:
    """Session of the web page.

    Attributes:
        key_id: Id of the key that opened the session.
        csrf_token: Token that the page's scripts send with every write.
    """

    key_id: str
    csrf_token: str


def open_session(secret: bytes, key_id: str) -> str:
    """Return the value of a new cookie."""
    return str(_signer(secret).dumps([key_id, secrets.token_urlsafe(16)]))


def read_session(
    secret: bytes, cookie: str, max_age_seconds: int = SESSION_SECONDS
) -> PageSession | None:
    """Return the session of a cookie; None if the cookie is forged or too old."""
    try:
        key_id, nonce = _signer(secret).loads(cookie, max_age=max_age_seconds)
    except BadSignature:
        return None
    return PageSession(str(key_id), _csrf_token(secret, str(nonce)))


def _signer(secret: bytes) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret, salt="page-session")


def _csrf_token(secret: bytes, nonce: str) -> str:
    return hmac.new(secret, f"csrf:{nonce}".encode(), hashlib.sha256).hexdigest()
