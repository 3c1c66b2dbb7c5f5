"""Text of stream tokens: random and signed.

The signature lets forged tokens be refused without a query.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from shared.auth.api_keys import KEY_PREFIX

# As keys begin, so that `shared.logs` keeps both out of logs and answers.
PREFIX = f"{KEY_PREFIX}stream_"
_RANDOM_BYTES = 32
_SIGNATURE_LENGTH = 16  # hex digits


def new_stream_token(secret: bytes) -> str:
    """Return the text of a new token."""
    body = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    return body + _signature(secret, body)


def is_signed(secret: bytes, token: str) -> bool:
    """Return whether a token was made with this secret; it may be used or too old."""
    body, mark = token[:-_SIGNATURE_LENGTH], token[-_SIGNATURE_LENGTH:]
    return hmac.compare_digest(mark.encode(), _signature(secret, body).encode())


def _signature(secret: bytes, body: str) -> str:
    digest = hmac.new(secret, f"stream-token:{body}".encode(), hashlib.sha256)
    return digest.hexdigest()[:_SIGNATURE_LENGTH]
