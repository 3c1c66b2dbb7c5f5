"""Table of locks for tasks that one process at a time does, by leader election."""

from __future__ import annotations

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base


class Lock(Base):
    """Lock of a named task, held by one process until `until`."""

    __tablename__ = "locks"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    holder: Mapped[str] = mapped_column(String(40))
    fence: Mapped[int] = mapped_column(BigInteger)
    until: Mapped[float]
