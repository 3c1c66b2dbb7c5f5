"""The page's cookie: a signed note of which key it was opened with, and its CSRF token.

The server keeps nothing: the cookie is worth what its key is worth, for half a day.
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
    """Who uses the page.

    Attributes:
        key_id: With which key it was opened.
        csrf_token: What its own scripts send with every write.
    """

    key_id: str
    csrf_token: str


def open_session(secret: bytes, key_id: str) -> str:
    """Make the value of the cookie."""
    return str(_signer(secret).dumps([key_id, secrets.token_urlsafe(16)]))


def read_session(
    secret: bytes, cookie: str, max_age_seconds: int = SESSION_SECONDS
) -> PageSession | None:
    """Read the cookie; None: this server did not make it, or it is too old."""
    try:
        key_id, nonce = _signer(secret).loads(cookie, max_age=max_age_seconds)
    except BadSignature:
        return None
    return PageSession(str(key_id), _csrf_token(secret, str(nonce)))


def _signer(secret: bytes) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret, salt="page-session")


def _csrf_token(secret: bytes, nonce: str) -> str:
    return hmac.new(secret, f"csrf:{nonce}".encode(), hashlib.sha256).hexdigest()
