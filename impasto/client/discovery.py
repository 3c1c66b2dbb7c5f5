"""Address of the server: from an option, the environment, or the local farm.

A farm that is up writes its URL and process id to `stack.json` in its data folder,
where every command of the same user finds it.
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
    """Return the data folder of this machine's farm; it need not exist."""
    home = environment.get("IMPASTO_HOME")
    return Path(home).absolute() if home else user_data_path("impasto")


def find_server_url(url: str | None, environment: Mapping[str, str]) -> str:
    """Return the base URL of the server, without a slash at its end.

    Args:
        url: URL from an option or an argument; wins.
        environment: Variables, with IMPASTO_API_URL, or IMPASTO_HOME, the data folder
            of a farm that may run.

    Raises:
        ServerUnreachable: No URL is given, and no farm runs.
    """
    if explicit_url := url or environment.get("IMPASTO_API_URL"):
        return _require_http_url(explicit_url)
    home = home_folder(environment)
    if running := read_running_farm(home):
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


def _require_http_url(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:  # such as half of an IPv6 address
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ServerUnreachable(
            f"{url!r} is not the address of a server",
            hint="write it like http://127.0.0.1:8470",
        )
    return url.rstrip("/")


@dataclass(frozen=True, slots=True)
class RunningFarm:
    """A farm that is, or was, up."""

    url: str
    pid: int
    started_at: str  # ISO 8601, UTC


def write_running_farm(home: Path, running: RunningFarm) -> None:
    """Write the address of the farm for every command; only the same user reads it."""
    temporary = home / f".stack.json.{os.getpid()}"
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(asdict(running)) + "\n")
    temporary.replace(_stack_file(home))


def read_running_farm(home: Path) -> RunningFarm | None:
    """Return the farm of `home`; None without one, or when it is no longer up."""
    try:
        running = RunningFarm(**json.loads(_stack_file(home).read_text()))
    except (OSError, ValueError, TypeError):  # missing, or of another program
        return None
    return running if _is_locked(lock_path(home)) else None


def remove_running_farm(home: Path) -> None:
    """Delete the address of the farm, which is no longer up."""
    _stack_file(home).unlink(missing_ok=True)


def lock_path(home: Path) -> Path:
    """Return the path of the file that a farm locks for as long as it is up."""
    return home / "lock"


def _stack_file(home: Path) -> Path:
    return home / "stack.json"


def _is_locked(lock: Path) -> bool:
    """Whether a farm holds the lock.

    The kernel frees a lock when its holder ends; a process id may be reused, a lock
    not. The test takes the lock for a moment: a farm that starts just then tries again.
    """
    if sys.platform == "win32":  # no farm runs there
        return False
    import fcntl  # noqa: PLC0415 - the client also runs where there is none

    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no farm ever ran with this data folder
        return False
    return False
