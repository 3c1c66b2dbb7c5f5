"""Where the server is: told by a flag, the environment, or the stack that runs here.

`stack.json`: how every command finds the stack that runs on this machine.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from platformdirs import user_data_path

from impasto.errors import ServerUnreachable

if TYPE_CHECKING:
    from collections.abc import Mapping


def home_folder(environment: Mapping[str, str]) -> Path:
    """Return the data folder of this machine's stack, there or not."""
    chosen = environment.get("IMPASTO_HOME")
    return Path(chosen).absolute() if chosen else user_data_path("impasto")


def find_url(told: str | None, environment: Mapping[str, str]) -> str:
    """Return the base URL of the server, without a slash at its end.

    Args:
        told: By a flag or an argument; wins.
        environment: With IMPASTO_API_URL, or IMPASTO_HOME, where a stack may run.

    Raises:
        ServerUnreachable: Nobody says where.
    """
    if chosen := told or environment.get("IMPASTO_API_URL"):
        return _checked(chosen)
    home = home_folder(environment)
    if running := read_running(home):
        return running.url
    raise ServerUnreachable(f"no server is running with its data in {home}")


def is_loopback_url(url: str) -> bool:
    """Whether `url` names this machine only."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ServerUnreachable(
            f"{url!r} is not the address of a server",
            hint="write it like http://127.0.0.1:8470",
        )
    return url.rstrip("/")


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
