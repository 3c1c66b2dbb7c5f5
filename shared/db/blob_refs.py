"""Which blobs the rows name: found from the tables, so that none is forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import String, select

from shared.db.base import Base

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Column
    from sqlalchemy.orm import Session


def unnamed(session: Session, keys: Iterable[str]) -> list[str]:
    """Of these keys of blobs, those that no row names; in their order.

    A checkpoint may be named by several jobs, as a fork goes on from its parent's.
    """
    wanted = list(keys)
    named: set[str] = set()
    for column in _columns():
        named.update(session.scalars(select(column).where(column.in_(wanted))))
    return [key for key in wanted if key not in named]


def _columns() -> list[Column[str]]:
    """Every column that holds the key of a blob: `key`, or `<of what>_key`."""
    return [
        column
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, String)
        and (column.name == "key" or column.name.endswith("_key"))
    ]
