"""Where the server is: told by a flag, the environment, or the stack that runs here."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from platformdirs import user_data_path

from impasto.errors import ServerUnreachable
from impasto.stackfile import read_running

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
