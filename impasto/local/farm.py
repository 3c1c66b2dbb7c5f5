"""The whole embedded stack as one `with`: ready inside it, gone after it."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from impasto.client.client import Client
from impasto.client.discovery import RunningStack, remove_running, write_running
from impasto.errors import StackError
from impasto.local.components import require_parts
from impasto.local.environment import HOST, child_environment
from impasto.local.lock import held
from impasto.local.migrate import migrate
from impasto.local.ports import choose_port
from impasto.local.process import Child, ChildSpec
from impasto.local.redis import server_binary, server_command, socket_path
from impasto.local.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_READY_SECONDS = 60.0
_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class FarmPlan:
    """What stack to run.

    Attributes:
        home: The data folder.
        devices: As `impasto worker --devices` takes them.
        port: Of the API; None for the usual one or any free, 0 for any free.
        environment: What the children inherit.
    """

    home: Path
    devices: str
    port: int | None
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Farm:
    """A stack that is up.

    Attributes:
        url: Of its API.
        logs: Folder of its children's logs.
        tend: Sleeps some seconds while looking after the children.
    """

    url: str
    logs: Path
    tend: Callable[[float], None]


@contextmanager
def running_farm(plan: FarmPlan, say: Callable[[str], None]) -> Iterator[Farm]:
    """Run a stack for as long as the block; the caller waits by `farm.tend`.

    Args:
        plan: What stack.
        say: Takes lines for people.

    Raises:
        AlreadyRunning: Another one has the data folder.
        StackError: It does not come up, or one of its processes keeps dying.
        PartsMissing: The server parts are not installed.
    """
    require_parts("stack")
    binary = server_binary()
    with ExitStack() as undo:
        undo.enter_context(held(plan.home))
        remove_running(plan.home)  # what a stack left that was killed
        socket = undo.enter_context(socket_path(plan.home))
        port = choose_port(plan.port)
        environment = child_environment(plan.environment, plan.home, socket, port)
        migrate(plan.home, environment, say)
        supervisor = Supervisor(say)
        undo.callback(supervisor.stop)
        logs = plan.home / "logs"
        logs.mkdir(exist_ok=True)
        children = _children(server_command(binary, socket), plan.devices, logs)
        for spec in children:
            supervisor.start(Child(spec, environment))
        url = f"http://{HOST}:{port}"
        _wait_until_ready(url, supervisor, logs)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        undo.callback(remove_running, plan.home)
        write_running(plan.home, RunningStack(url, os.getpid(), now))
        yield Farm(url, logs, supervisor.tend)


def _children(
    broker: tuple[str, ...], devices: str, logs: Path
) -> tuple[ChildSpec, ...]:
    """List the children in the order of their start; they stop in the reverse."""
    impasto = (sys.executable, "-P", "-m", "impasto")
    workers = (*impasto, "worker", "--devices", devices)
    return (
        ChildSpec("redis", broker, logs / "redis.log", stop_seconds=3),
        ChildSpec("api", (*impasto, "serve"), logs / "api.log", stop_seconds=10),
        ChildSpec("worker", workers, logs / "worker.log", stop_seconds=15),
    )


def _wait_until_ready(url: str, supervisor: Supervisor, logs: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    with Client(url) as client:
        while not client.is_ready():
            if time.monotonic() > deadline:
                raise StackError(
                    f"{url} is not ready after {_READY_SECONDS:g} s",
                    hint=f"the logs are in {logs}",
                )
            supervisor.tend(_LOOK_SECONDS)
