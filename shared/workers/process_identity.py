"""Names of processes by which another one on the same host can tell that one is gone.

`last_seen` alone would make the successor of a killed worker wait until its row is
stale. On Linux the kernel knows better; elsewhere nothing is known for sure.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_PROC = Path("/proc")
_GONE = "ZX"  # zombie, dead
_STATE, _STARTED = 0, 19  # after the name, which may hold anything: proc(5), stat


def this_process() -> str:
    """Name this process for good: boot, process namespace, number, start time."""
    if sys.platform != "linux":
        return ""
    pid = os.getpid()
    return f"{_space()}/{pid}/{_stat(pid)[_STARTED]}"


def is_gone(process: str) -> bool:
    """Whether that process has surely ended; False when it cannot be known."""
    space, _, name = process.partition("/")
    if not name or sys.platform != "linux" or space != _space():
        return False
    pid, _, started = name.partition("/")
    try:
        stat = _stat(int(pid))
    except OSError:
        return True
    return stat[_STARTED] != started or stat[_STATE] in _GONE


def _space() -> str:
    boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}:{(_PROC / 'self/ns/pid').readlink()}"


def _stat(pid: int) -> list[str]:
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
