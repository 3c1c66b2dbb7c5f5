"""Ids with a prefix that sort by time."""

from __future__ import annotations

from ulid import ULID


def new_id(prefix: str) -> str:
    """Make an id that sorts by time: `job_01J...`."""
    return f"{prefix}_{ULID()}"
