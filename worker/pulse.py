"""A file that is touched while a worker of this host is there.

It speaks for the worker while the database, where the roll is, is away: a health check
must not end a process that computes through an outage.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from pathlib import Path

log = structlog.get_logger(__name__)

PULSE_SECONDS = 60.0  # older than that, nobody is there


def beat(home: Path) -> None:
    """Say that this host has a worker that moves; log it if that cannot be said."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        _file(home).touch()
    except OSError as error:
        log.warning("pulse_missed", error=str(error))


def is_felt(home: Path) -> bool:
    """Whether a worker of this host was there lately."""
    try:
        return time.time() - _file(home).stat().st_mtime < PULSE_SECONDS
    except OSError:
        return False


def _file(home: Path) -> Path:
    return home / f"pulse-{socket.gethostname()}"  # hosts may share the folder
