"""Seconds since 1970, as the rows have them, and the times that the API says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import overload


@overload
def instant(seconds: float) -> datetime: ...


@overload
def instant(seconds: float | None) -> datetime | None: ...


def instant(seconds: float | None) -> datetime | None:
    """Turn seconds since 1970 into an aware time, UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
