"""Table of uploaded pictures.

Rows have no behavior; `shared.assets` changes them. Times are seconds since 1970 UTC of
the database's clock, as double precision, which both databases index, compare and add
in the same way.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, id_column, partial_index


class Asset(Base):
    """Uploaded picture, stored once per owner and digest."""

    __tablename__ = "assets"
    __table_args__ = (
        UniqueConstraint("owner_id", "digest"),
        Index("ix_assets_listing", "owner_id", "created_at", "id"),
        Index("ix_assets_of_purpose", "owner_id", "purpose", "created_at", "id"),
        partial_index("ix_assets_expiry", "expires_at", "expires_at"),
    )

    id: Mapped[str] = id_column()
    owner_id: Mapped[str] = mapped_column(ForeignKey("owners.id"))
    digest: Mapped[str] = mapped_column(String(64))  # SHA-256 of the bytes, hex
    key: Mapped[str | None] = mapped_column(String(255))  # None: the blob was deleted
    bytes: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str] = mapped_column(String(64))
    width: Mapped[int]
    height: Mapped[int]
    purpose: Mapped[str] = mapped_column(String(16), default="any")
    created_at: Mapped[float]
    expires_at: Mapped[float | None]  # None: kept until deleted
