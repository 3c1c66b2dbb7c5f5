"""References to blobs in the rows, found in every table so that none is missed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import String, select, union_all

from shared.db.base import Base

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Column
    from sqlalchemy.orm import Session


def unreferenced_keys(session: Session, keys: Iterable[str]) -> list[str]:
    """Return those of the blob keys that no row refers to, in their order.

    Several jobs can refer to one checkpoint, as a fork continues from its parent's.
    """
    candidates = list(keys)
    if not candidates:
        return []
    matches = [
        select(column).where(column.in_(candidates)) for column in _key_columns()
    ]
    referenced = set(session.scalars(union_all(*matches)))
    return [key for key in candidates if key not in referenced]


def _key_columns() -> list[Column[str]]:
    """Return every column that holds the key of a blob: `key` or `..._key`."""
    return [
        column
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, String)
        and (column.name == "key" or column.name.endswith("_key"))
    ]
