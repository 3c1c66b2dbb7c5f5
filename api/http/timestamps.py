"""Conversion of seconds since 1970, which rows have, to the times of the API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import overload


@overload
def to_datetime(seconds: float) -> datetime: ...


@overload
def to_datetime(seconds: float | None) -> datetime | None: ...


def to_datetime(seconds: float | None) -> datetime | None:
    """Return seconds since 1970 as an aware datetime in UTC, and None as None."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
