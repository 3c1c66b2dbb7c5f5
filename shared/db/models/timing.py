"""Tables of measured paces, and of forecasts with the time that jobs then took."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import AutoIncrement, Base


class PacePoint(Base):
    """Seconds of one step at about one size, averaged over the jobs so far."""

    __tablename__ = "paces"

    setup: Mapped[str] = mapped_column(String(255), primary_key=True)  # kind of worker
    method: Mapped[str] = mapped_column(String(64), primary_key=True)  # network, ...
    step: Mapped[str] = mapped_column(
        String(12), primary_key=True
    )  # shared.forecast.pace_model.PaceStep
    size_class: Mapped[int] = mapped_column(primary_key=True)  # octave of the pixels
    megapixels: Mapped[float]
    seconds: Mapped[float]
    deviation: Mapped[float]  # mean of |ln(measured / forecast)|
    samples: Mapped[int]  # scales of jobs; 0: only the benchmark at the start
    measured_at: Mapped[float]


class Forecast(Base):
    """Forecast made when a job was claimed, and the time it took; the newest are kept.

    It outlives its job: there is no foreign key.
    """

    __tablename__ = "forecasts"

    seq: Mapped[int] = mapped_column(
        AutoIncrement, primary_key=True, autoincrement=True
    )
    job_id: Mapped[str] = mapped_column(String(40))
    setup: Mapped[str] = mapped_column(String(255))
    forecast_seconds: Mapped[float]
    low_seconds: Mapped[float]
    high_seconds: Mapped[float]
    actual_seconds: Mapped[float]
    at: Mapped[float]
