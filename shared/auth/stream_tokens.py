"""Tokens that open one stream each: for clients that can send an address and no header.

They lie in the database, so that one is used once over all processes, as digests only;
and they go with their key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from shared.auth.api_keys import key_digest
from shared.db.models.auth import ApiKey, StreamToken
from shared.errors import Unauthenticated

if TYPE_CHECKING:
    from shared.db.database import Database

TOKEN_SECONDS = 60.0  # in which it must be used


def keep_stream_token(db: Database, key_id: str, token: str) -> float:
    """Let a token open a stream.

    Returns:
        Until when: for 60 s, and no longer than its key is valid.

    Raises:
        Unauthenticated: The key has been revoked meanwhile.
    """
    with db.write() as session:
        known = select(db.now + TOKEN_SECONDS, ApiKey.expires_at)
        # Locked, so that a revocation at the same time takes the token along.
        found = session.execute(
            known.where(ApiKey.id == key_id).with_for_update()
        ).one_or_none()
        if found is None:
            raise Unauthenticated("this API key is not known here, or not any more")
        expires_at = float(min(one for one in found if one is not None))
        session.add(
            StreamToken(digest=key_digest(token), key_id=key_id, expires_at=expires_at)
        )
    return expires_at


def use_stream_token(db: Database, token: str) -> str | None:
    """Use a token up; of any number of requests, over all processes, one may.

    Returns:
        The id of its key; None: it is none, was used, or is too old.
    """
    mine = (StreamToken.digest == key_digest(token), StreamToken.expires_at > db.now)
    with db.read() as session:  # nobody takes the lock of writers with used ones
        if session.scalar(select(func.count()).where(*mine)) == 0:
            return None
    with db.write() as session:
        used = delete(StreamToken).where(*mine).returning(StreamToken.key_id)
        return session.scalar(used)


def drop_old_stream_tokens(db: Database) -> int:
    """Sweep tokens that nobody has used in time; return how many went."""
    with db.write() as session:
        old = delete(StreamToken).where(StreamToken.expires_at <= db.now)
        return len(session.scalars(old.returning(StreamToken.digest)).all())
