"""Whether a process still runs, told from outside."""

from __future__ import annotations

import time
from pathlib import Path


def is_alive(pid):
    """Whether a process runs; one that ended but was not reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until(condition, seconds=20):
    """Look again and again; what the kernel does to a process takes a moment."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)
