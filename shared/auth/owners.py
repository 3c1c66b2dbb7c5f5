"""Rows of owners: each exists before the first key, asset or job of the owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import IntegrityError

from shared.db.models.owners import Owner

if TYPE_CHECKING:
    from shared.db.database import Database


def ensure_owner(db: Database, owner_id: str) -> None:
    """Insert the row of an owner if it is missing."""
    with db.read() as session:
        if session.get(Owner, owner_id) is not None:
            return
    try:
        with db.write() as session:
            session.add(Owner(id=owner_id, queued=0, running=0, created_at=db.now))
    except IntegrityError:
        return  # another process made it in between
