"""Identity of a process, from which others on the host can tell that it has exited.

`last_seen` alone would make the successor of a killed worker wait until its row is
stale. Linux tells at once by /proc; on other systems an exit cannot be detected.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_PROC = Path("/proc")
_EXITED_STATES = "ZX"  # zombie, dead
_STATE, _START_TIME = 0, 19  # after the name, which may hold anything: proc(5), stat


def current_process_identity() -> str:
    """Build the identity of this process: boot, PID namespace, PID, start time."""
    if sys.platform != "linux":
        return ""
    pid = os.getpid()
    return f"{_process_namespace()}/{pid}/{_read_stat(pid)[_START_TIME]}"


def has_exited(process: str) -> bool:
    """Whether a process has certainly exited; False if that cannot be known."""
    namespace, _, rest = process.partition("/")
    if not rest or sys.platform != "linux" or namespace != _process_namespace():
        return False
    pid, _, start_time = rest.partition("/")
    try:
        stat = _read_stat(int(pid))
    except OSError:
        return True
    return stat[_START_TIME] != start_time or stat[_STATE] in _EXITED_STATES


def _process_namespace() -> str:
    boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}:{(_PROC / 'self/ns/pid').readlink()}"


def _read_stat(pid: int) -> list[str]:
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
