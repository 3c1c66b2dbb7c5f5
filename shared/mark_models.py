"""Tables beside the jobs: the words they are found by, the curves of their losses."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.columns import Base


class JobWord(Base):
    """A word of a job's name, or one of its tags as `#tag`.

    It repeats owner and time, so that one index answers a page of a search.
    """

    __tablename__ = "job_words"
    __table_args__ = (
        Index("ix_job_words_found", "owner_id", "word", "created_at", "job_id"),
    )

    job_id: Mapped[str] = mapped_column(
        ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True
    )
    word: Mapped[str] = mapped_column(String(80), primary_key=True)
    owner_id: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[float]


class JobCurve(Base):
    """The losses of a job over its iterations, thinned to a bounded number of points.

    Each point is [iteration, scale, total, content, style, tv]; a loss that was no
    number is None.
    """

    __tablename__ = "job_curves"

    job_id: Mapped[str] = mapped_column(
        ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True
    )
    points: Mapped[list[Any]]
