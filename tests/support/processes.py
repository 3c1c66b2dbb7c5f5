"""Processes of a test: whether one still runs, and waiting for what they do."""

from __future__ import annotations

import time
from pathlib import Path

PATIENCE_SECONDS = 120  # costs nothing: a wait ends when its condition holds


def is_alive(pid):
    """Whether a process runs; one that ended but was not reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until(
    condition, explain=lambda: "it never came true", patience_seconds=PATIENCE_SECONDS
):
    """Check a condition again and again; return its first true value."""
    deadline = time.monotonic() + patience_seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, explain()
        time.sleep(0.02)
    return found
