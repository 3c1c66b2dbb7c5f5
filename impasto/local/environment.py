"""What the children of the stack find in their environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HOST = "127.0.0.1"


def child_environment(
    inherited: Mapping[str, str], home: Path, socket: Path, port: int
) -> dict[str, str]:
    """Add to what is inherited where this stack keeps and serves things."""
    return {
        **inherited,
        "IMPASTO_HOME": str(home),
        "IMPASTO_REDIS_URL": f"unix://{socket}?db=0",
        "IMPASTO_HOST": HOST,
        "IMPASTO_PORT": str(port),
        # A folder named `api` where somebody happens to stand is not our API.
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",  # logs are read while they are written
    }
