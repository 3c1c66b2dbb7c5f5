"""Bearer keys: made once, kept as their SHA-256 only."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from sqlalchemy import select

from shared.jobs.submitting import ensure_owner, new_id
from shared.models import ApiKey

if TYPE_CHECKING:
    from shared.db import Database


def create_key(db: Database, name: str) -> str:
    """Make an owner with a key, and return the key: it is shown this once."""
    token = f"imp_{secrets.token_urlsafe(32)}"
    owner_id = new_id("own")
    ensure_owner(db, owner_id)
    with db.write() as session:
        session.add(
            ApiKey(
                id=new_id("key"),
                owner_id=owner_id,
                digest=_digest(token),
                name=name,
                created_at=db.now,
            )
        )
    return token


def find_key(db: Database, token: str) -> ApiKey | None:
    """Read the key that `token` is, if it is one."""
    with db.read() as session:
        return session.scalar(select(ApiKey).where(ApiKey.digest == _digest(token)))


def _digest(token: str) -> str:
    # A key has 256 random bits: a plain digest cannot be guessed back.
    return hashlib.sha256(token.encode()).hexdigest()
