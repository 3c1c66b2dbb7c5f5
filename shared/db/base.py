"""What the tables are made of: the base class, and kinds of columns."""

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
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

if TYPE_CHECKING:
    from enum import StrEnum

Document = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
Counter = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts INTEGER only
MAX_NAME = 200  # characters, of jobs and keys


def word_column(kind: type[StrEnum]) -> Enum:
    """One of the words of `kind`, stored as it reads."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=False,  # later states need no rebuilt table
        length=16,
        validate_strings=True,
        values_callable=lambda words: [word.value for word in words],
    )


def id_column() -> Mapped[str]:
    """An id with a prefix that says of what: `job_01J...`."""
    return mapped_column(String(40), primary_key=True)


def job_id_column() -> Mapped[str]:
    """The job that a row belongs to, and goes with."""
    return mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), index=True)


class Base(DeclarativeBase):
    """Root of every table."""

    metadata = MetaData(  # names that a later migration can refer to
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )

    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it as a plain attribute
        dict[str, Any]: Document,
        list[Any]: Document,
        float: Double,
    }


def index_where_present(name: str, present: str, *columns: str) -> Index:
    """An index of only those rows that have a value in `present`."""
    only = text(f"{present} IS NOT NULL")
    return Index(name, *columns, sqlite_where=only, postgresql_where=only)


def index_of_live_jobs(name: str, *columns: str) -> Index:
    """An index of the jobs that nobody has deleted, as people list them."""
    only = text("deleted_at IS NULL")
    return Index(name, *columns, sqlite_where=only, postgresql_where=only)
