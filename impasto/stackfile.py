"""`stack.json`: how every command finds the stack that runs on this machine."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class RunningStack:
    """A stack that is, or was, up."""

    url: str
    pid: int
    started_at: str  # ISO 8601, UTC


def write_running(home: Path, running: RunningStack) -> None:
    """Tell every command where the stack is; only the same user may read it."""
    fresh = home / f".stack.json.{os.getpid()}"
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(asdict(running)) + "\n")
    fresh.replace(_path(home))


def read_running(home: Path) -> RunningStack | None:
    """Return the stack of `home`; None without one, or when it is no longer up."""
    try:
        running = RunningStack(**json.loads(_path(home).read_text()))
    except (OSError, ValueError, TypeError):  # none, or not written by us
        return None
    return running if _is_held(lock_path(home)) else None


def remove_running(home: Path) -> None:
    """Say that no stack is up any more."""
    _path(home).unlink(missing_ok=True)


def lock_path(home: Path) -> Path:
    """Where the file is that a stack locks for as long as it is up."""
    return home / "lock"


def _path(home: Path) -> Path:
    return home / "stack.json"


def _is_held(lock: Path) -> bool:
    """Ask the kernel, which frees the lock with its holder; pids come back, locks not.

    The file is let go of at once: a stack that starts just then tries again.
    """
    if sys.platform == "win32":  # no stack runs there
        return False
    import fcntl  # noqa: PLC0415 - the client runs where there is none

    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # nobody ever ran a stack here
        return False
    return False
