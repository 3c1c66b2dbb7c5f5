"""What the product takes from the machine, given by the simulation instead.

Identities of processes, random names, the engine, and constants of time that have no
setting. Everything is put back afterwards.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from chaos.workers import hash_chain_run
from shared import idempotency
from shared.db import base
from shared.maintenance import cleaner
from shared.workers import registry
from tests.simulation.scheduler import ProcessExit
from worker import app, registration, runner
from worker.attempts import artifacts, failures, style
from worker.devices import device
from worker.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulation.farm.world import World

REGISTRATION_SECONDS = 40.0  # instead of 5
ALIVE_SECONDS = 200  # instead of 30
CHECK_SECONDS = 30.0  # instead of 5
RETENTION_SECONDS = 900.0  # instead of 60
OUTAGE_SECONDS = 30.0


@contextmanager
def patched(world: World) -> Iterator[None]:
    """Run the product on the machine of this world."""
    secrets = SimpleNamespace(token_hex=world.random_hex)
    engine = world.engine
    places: list[tuple[Any, str, Any]] = [
        (base, "ULID", world.next_ulid),
        (runner, "secrets", secrets),
        (runner, "is_usable", lambda device: False),
        (idempotency, "secrets", secrets),
        (style, "stylize", engine.stylize),
        (style, "read_inputs", engine.read_inputs),
        (artifacts, "_jpeg", lambda picture: b""),  # nobody looks at previews
        (hash_chain_run, "time", SimpleNamespace(sleep=engine.pass_time)),
        (registration, "os", SimpleNamespace(kill=_kill(world), getpid=lambda: 0)),
        (registration, "socket", SimpleNamespace(gethostname=_host_name(world))),
        (registration, "current_process_identity", lambda: _process(world).name),
        (registration, "touch_heartbeat_file", lambda home: None),
        (registration, "_HEARTBEAT_SECONDS", REGISTRATION_SECONDS),
        (registry, "WORKER_ALIVE_SECONDS", ALIVE_SECONDS),
        (cleaner, "RETENTION_PAUSE_SECONDS", RETENTION_SECONDS),
        (device, "software_versions", dict),
        (registration, "software_versions", dict),
        (Watchdog, "check_seconds", CHECK_SECONDS),
        (registry, "has_exited", world.has_exited),
        (failures, "OUTAGE_SECONDS", OUTAGE_SECONDS),
        (app, "os", SimpleNamespace(_exit=_exit)),
    ]
    with ExitStack() as stack:
        for module, name, value in places:
            stack.enter_context(patch.object(module, name, value))
        yield


def _process(world: World) -> Any:
    return world.scheduler.current.process


def _host_name(world: World) -> Any:
    return lambda: _process(world).host.name


def _kill(world: World) -> Any:
    return lambda _process_id, _signal: _process(world).terminate()


def _exit(code: int) -> None:
    raise ProcessExit(code)
