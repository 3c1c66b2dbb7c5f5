"""Address of the server: from an option, the environment, or the local farm.

A running farm writes its URL and process id to `stack.json` in its data folder, for all
commands of the same user.
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
    """Return the data folder of this machine's farm, which may not exist."""
    home = environment.get("IMPASTO_HOME")
    return Path(home).absolute() if home else user_data_path("impasto")


def find_server_url(url: str | None, environment: Mapping[str, str]) -> str:
    """Return the base URL of the server, without a final slash.

    Args:
        url: URL from an option or an argument, which is used first.
        environment: Environment variables, such as IMPASTO_API_URL, or IMPASTO_HOME,
            the data folder of a farm.

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
    """Return whether `url` is an address of this machine only."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _require_http_url(url: str) -> str:
    import httpx2  # noqa: PLC0415 - other users of this module do not need it

    try:
        parts = urlsplit(url)
        httpx2.URL(url).raw_host.decode().encode("idna")  # as the resolver encodes it
    except (ValueError, httpx2.InvalidURL):  # such as half of an IPv6 address
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ServerUnreachable(
            f"{url!r} is not the address of a server",
            hint="write it like http://127.0.0.1:8470",
        )
    return url.rstrip("/")


@dataclass(frozen=True, slots=True)
class RunningFarm:
    """Running farm, or a farm that has run."""

    url: str
    pid: int
    started_at: str  # ISO 8601, UTC


def write_running_farm(home: Path, running: RunningFarm) -> None:
    """Write the address of the farm for commands of the same user."""
    temporary = home / f".stack.json.{os.getpid()}"
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(asdict(running)) + "\n")
    temporary.replace(_stack_file(home))


def read_running_farm(home: Path) -> RunningFarm | None:
    """Return the farm of `home`; None if none runs."""
    try:
        running = RunningFarm(**json.loads(_stack_file(home).read_text()))
    except (OSError, ValueError, TypeError):  # missing, or from another program
        return None
    return running if _is_locked(lock_path(home)) else None


def remove_running_farm(home: Path) -> None:
    """Delete the address of the farm, after it has stopped."""
    _stack_file(home).unlink(missing_ok=True)


def lock_path(home: Path) -> Path:
    """Return the path of the file that a running farm locks."""
    return home / "lock"


def _stack_file(home: Path) -> Path:
    return home / "stack.json"


def _is_locked(lock: Path) -> bool:
    """Return whether a farm holds the lock.

    The kernel releases a lock when its holder ends. A process id may be reused, but a
    lock is not. The check takes the lock for a moment, so a farm that starts then tries
    again.
    """
    if sys.platform == "win32":  # no farm runs on Windows
        return False
    import fcntl  # noqa: PLC0415 - the client also runs where there is none

    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no farm has run with this data folder
        return False
    return False
