"""Identity of a process, by which other processes of the host detect its exit.

With `last_seen` alone, the successor of a killed worker would wait until the row is
stale. Linux shows an exit at once in /proc. On other systems it cannot be detected.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_PROC = Path("/proc")
_EXITED_STATES = "ZX"  # zombie, dead
_STATE, _START_TIME = 0, 19  # fields after the name in `stat`: proc(5)


def current_process_identity() -> str:
    """Build the identity of this process: boot, PID namespace, PID, start time."""
    if sys.platform != "linux":
        return ""
    pid = os.getpid()
    return f"{_process_namespace()}/{pid}/{_read_stat(pid)[_START_TIME]}"


def has_exited(process: str) -> bool:
    """Return whether a process has certainly exited; False if this is unknown."""
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
