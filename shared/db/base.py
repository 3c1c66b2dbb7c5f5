"""Base class of the tables, helpers for columns and indexes, references to blobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Double,
    Enum,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    select,
    text,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from ulid import ULID

if TYPE_CHECKING:
    from collections.abc import Iterable
    from enum import StrEnum

    from sqlalchemy import Column
    from sqlalchemy.orm import Session

JsonDocument = JSON(none_as_null=True).with_variant(
    JSONB(none_as_null=True), "postgresql"
)
AutoIncrement = BigInteger().with_variant(
    Integer, "sqlite"
)  # SQLite numbers only INTEGER keys


def enum_column(enum: type[StrEnum]) -> Enum:
    """Return the column type of an enumeration, which stores the values as text."""
    return Enum(
        enum,
        native_enum=False,
        create_constraint=False,  # so that new states need no new table
        length=16,
        validate_strings=True,
        values_callable=lambda members: [member.value for member in members],
    )


def id_column() -> Mapped[str]:
    """Return a primary key column of ids with a prefix, as in `job_01J...`."""
    return mapped_column(String(40), primary_key=True)


def job_id_column() -> Mapped[str]:
    """Return the column of the job of a row, which is deleted with the job."""
    return mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), index=True)


class Base(DeclarativeBase):
    """Base class of all tables."""

    metadata = MetaData(  # names for later migrations
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )

    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it as a plain attribute
        dict[str, Any]: JsonDocument,
        list[Any]: JsonDocument,
        float: Double,
    }


def partial_index(name: str, not_null: str, *columns: str) -> Index:
    """Return an index of only the rows with a value in `not_null`."""
    only = text(f"{not_null} IS NOT NULL")
    return Index(name, *columns, sqlite_where=only, postgresql_where=only)


def index_of_undeleted_jobs(name: str, *columns: str) -> Index:
    """Return an index of the jobs that are not deleted, for listings."""
    only = text("deleted_at IS NULL")
    return Index(name, *columns, sqlite_where=only, postgresql_where=only)


def new_id(prefix: str) -> str:
    """Create an id that sorts by time: `job_01J...`."""
    return f"{prefix}_{ULID()}"


def unreferenced_keys(session: Session, keys: Iterable[str]) -> list[str]:
    """Return the blob keys that no row refers to, in order.

    Several jobs can refer to one checkpoint, since a fork continues its parent's.
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
    """Return all columns with the key of a blob: `key` or `..._key`."""
    return [
        column
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, String)
        and (column.name == "key" or column.name.endswith("_key"))
    ]
