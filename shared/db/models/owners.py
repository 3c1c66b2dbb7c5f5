"""Table of owners.

Rows have no behavior; `shared.jobs` keeps the counts. Times are seconds since 1970 UTC
as double precision, taken from the database's own clock: both databases index, compare
and add them alike.
"""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, id_column


class Owner(Base):
    """Owner of jobs, with counts kept by the transactions that change the jobs."""

    __tablename__ = "owners"

    id: Mapped[str] = id_column()
    queued: Mapped[int] = mapped_column(default=0)
    running: Mapped[int] = mapped_column(default=0)  # jobs in a held state
    max_running: Mapped[int | None]  # None: no limit
    max_queued: Mapped[int | None]  # None: by the settings
    created_at: Mapped[float]
