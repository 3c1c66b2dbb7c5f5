"""Stream tokens: each opens one stream, for clients that cannot send a header.

Their digests are in the database, so that a token can be used once over all processes;
they are deleted with their key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from shared.auth.api_keys import key_digest
from shared.db.models.auth import ApiKey, StreamToken
from shared.errors import Unauthenticated

if TYPE_CHECKING:
    from shared.db.database import Database

TOKEN_SECONDS = 60.0  # lifetime


def store_stream_token(db: Database, key_id: str, token: str) -> float:
    """Store a token that may open a stream.

    Returns:
        Time of its expiry: after 60 s, and no later than its key's.

    Raises:
        Unauthenticated: The key has been revoked meanwhile.
    """
    with db.write() as session:
        statement = select(db.now + TOKEN_SECONDS, ApiKey.expires_at)
        # Locked, so that a revocation at the same time takes the token along.
        expiries = session.execute(
            statement.where(ApiKey.id == key_id).with_for_update()
        ).one_or_none()
        if expiries is None:
            raise Unauthenticated("this API key is not known here, or not any more")
        expires_at = float(min(time for time in expiries if time is not None))
        session.add(
            StreamToken(digest=key_digest(token), key_id=key_id, expires_at=expires_at)
        )
    return expires_at


def consume_stream_token(db: Database, token: str) -> str | None:
    """Consume a token; one of any number of requests, over all processes, succeeds.

    Returns:
        Id of its key, or None if it does not exist, was used, or has expired.
    """
    is_over = db.is_over(StreamToken.expires_at, TOKEN_SECONDS)
    valid = (StreamToken.digest == key_digest(token), ~is_over)
    with db.read() as session:  # used tokens must not take the writers' lock
        if session.scalar(select(func.count()).where(*valid)) == 0:
            return None
    with db.write() as session:
        statement = delete(StreamToken).where(*valid).returning(StreamToken.key_id)
        return session.scalar(statement)


def delete_expired_stream_tokens(db: Database) -> int:
    """Delete tokens that were not used in time, and count them."""
    with db.write() as session:
        is_over = db.is_over(StreamToken.expires_at, TOKEN_SECONDS)
        expired = delete(StreamToken).where(is_over)
        return len(session.scalars(expired.returning(StreamToken.digest)).all())
