"""`stack.json`: how every command finds the stack that runs on this machine."""

from __future__ import annotations

import json
import os
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
    """Return the stack of `home`; None without one, or when its process is gone."""
    try:
        running = RunningStack(**json.loads(_path(home).read_text()))
    except (OSError, ValueError, TypeError):  # none, or not written by us
        return None
    return running if _is_alive(running.pid) else None


def remove_running(home: Path) -> None:
    """Say that no stack is up any more."""
    _path(home).unlink(missing_ok=True)


def _path(home: Path) -> Path:
    return home / "stack.json"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's, so alive
        return True
    return True
