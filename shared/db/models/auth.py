"""Tables of owners, API keys and idempotency keys."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, id_column
from shared.names import MAX_NAME


class ApiKey(Base):
    """API key of an owner; only its SHA-256 is stored."""

    __tablename__ = "api_keys"

    id: Mapped[str] = id_column()
    owner_id: Mapped[str] = mapped_column(ForeignKey("owners.id"), index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(MAX_NAME))
    scopes: Mapped[str] = mapped_column(String(100))  # separated by spaces
    submits_per_minute: Mapped[int | None]  # None: limit of the settings; 0: no limit
    requests_per_minute: Mapped[int | None]  # likewise
    created_at: Mapped[float]
    expires_at: Mapped[float | None]  # None: never
    last_used_at: Mapped[float | None]  # precise to a minute


class IdempotencyKey(Base):
    """Idempotency key of a request, with its response for repeated requests."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("ix_idempotency_keys_created_at", "created_at"),)

    owner_id: Mapped[str] = mapped_column(ForeignKey("owners.id"), primary_key=True)
    scope: Mapped[str] = mapped_column(String(200), primary_key=True)  # method + path
    token: Mapped[str] = mapped_column(String(255), primary_key=True)  # as it was sent
    fingerprint: Mapped[str] = mapped_column(String(64))
    holder: Mapped[str] = mapped_column(
        String(32)
    )  # id of the request that is being processed
    held_until: Mapped[float]  # afterwards another request may process it
    job_id: Mapped[str | None] = mapped_column(
        String(40)
    )  # from the transaction that created it
    status: Mapped[int | None]  # None: no response yet
    headers: Mapped[dict[str, Any] | None]
    body: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[float]


class Owner(Base):
    """Owner of jobs, with counts that the transactions on jobs update."""

    __tablename__ = "owners"

    id: Mapped[str] = id_column()
    queued: Mapped[int] = mapped_column(default=0)
    running: Mapped[int] = mapped_column(default=0)  # jobs in a held state
    max_running: Mapped[int | None]  # None: no limit
    max_queued: Mapped[int | None]  # None: limit of the settings
    created_at: Mapped[float]
