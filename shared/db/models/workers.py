"""Table of registered workers.

Rows have no behavior; `shared.workers.registry` changes them. Times are seconds since
1970 UTC of the database's clock, as double precision, which both databases index,
compare and add in the same way.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, id_column


class Worker(Base):
    """Registration of a worker process and its device."""

    __tablename__ = "workers"
    __table_args__ = (UniqueConstraint("host", "device_uuid"),)

    id: Mapped[str] = id_column()
    host: Mapped[str] = mapped_column(String(255))
    device_uuid: Mapped[str] = mapped_column(String(64))
    device_class: Mapped[str] = mapped_column(String(16))
    device_name: Mapped[str] = mapped_column(String(200))
    device_bytes: Mapped[int] = mapped_column(BigInteger)
    versions: Mapped[dict[str, Any]]
    job_id: Mapped[str | None] = mapped_column(String(40))
    draining: Mapped[bool] = mapped_column(default=False)
    seconds_per_mpx_iteration: Mapped[float | None]
    process: Mapped[str] = mapped_column(
        String(120), default=""
    )  # shared.workers.process_identity
    setup: Mapped[str] = mapped_column(String(255), default="")  # in `paces`
    started_at: Mapped[float]
    last_seen: Mapped[float]


class Pace(Base):
    """Moving average of the pace of a method on a kind of worker, per size class."""

    __tablename__ = "paces"

    setup: Mapped[str] = mapped_column(String(255), primary_key=True)  # kind of worker
    method: Mapped[str] = mapped_column(String(64), primary_key=True)  # network, ...
    size_class: Mapped[int] = mapped_column(primary_key=True)  # octave of the pixels
    seconds_per_mpx_iteration: Mapped[float]
    deviation: Mapped[float]  # moving average of |measured / average - 1|
