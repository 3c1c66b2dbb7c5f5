"""Table of measured paces."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base


class Pace(Base):
    """Moving average of the pace of a method on a kind of worker, at about one size."""

    __tablename__ = "paces"

    setup: Mapped[str] = mapped_column(String(255), primary_key=True)  # kind of worker
    method: Mapped[str] = mapped_column(String(64), primary_key=True)  # network, ...
    size_class: Mapped[int] = mapped_column(primary_key=True)  # octave of the pixels
    seconds_per_mpx_iteration: Mapped[float]
    deviation: Mapped[float]  # moving mean of |measured / average - 1|
