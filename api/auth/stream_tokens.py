"""The text of tokens for streams: random, and marked as made by this farm.

The mark lets wrong ones be refused without a look at the database.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from shared.auth.api_keys import KEY_PREFIX

# As keys begin, so that `shared.logs` keeps both out of logs and answers.
PREFIX = f"{KEY_PREFIX}stream_"
_RANDOM_BYTES = 32
_MARK_LENGTH = 16  # hex digits


def new_stream_token(secret: bytes) -> str:
    """Make the text of a token."""
    body = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    return body + _mark(secret, body)


def is_marked(secret: bytes, token: str) -> bool:
    """Whether a token was made with this secret, whatever became of it since."""
    body, mark = token[:-_MARK_LENGTH], token[-_MARK_LENGTH:]
    return hmac.compare_digest(mark.encode(), _mark(secret, body).encode())


def _mark(secret: bytes, body: str) -> str:
    told = hmac.new(secret, f"stream-token:{body}".encode(), hashlib.sha256)
    return told.hexdigest()[:_MARK_LENGTH]
