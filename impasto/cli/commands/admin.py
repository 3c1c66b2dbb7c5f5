"""Commands that turn into a server process: serve, worker, migrate, weights, admin."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from impasto.errors import InvalidOption
from impasto.local.components import exec_module, require_dependencies

Devices = Annotated[
    str, typer.Option(help="all, cpu, cpu*N, or a list like cuda:0,cuda:1.")
]
Network = Annotated[
    str, typer.Option(help="vgg16, or vgg19: torchvision's VGG-19 (IMAGENET1K_V1).")
]
Worker = Annotated[str | None, typer.Argument(help="Id of one worker.")]
Host = Annotated[str | None, typer.Option(help="All workers of this host.")]

# One item, as `worker.supervisor` parses it; only that knows the machine's devices.
_DEVICE = re.compile(r"all|cpu(\*[1-9]\d?)?|mps|cuda:\d+")


def require_devices(devices: str) -> None:
    """Check how devices are written, before anything starts.

    Raises:
        InvalidOption: A worker could not parse them.
    """
    for device in devices.split(","):
        if not _DEVICE.fullmatch(device.strip()):
            raise InvalidOption(
                f"--devices {devices!r}: cannot read {device!r}",
                hint="use all, cpu, cpu*N, mps or cuda:N, by commas",
            )


def serve() -> None:
    """Serve the API and the page; IMPASTO_HOST, IMPASTO_PORT, IMPASTO_API_THREADS."""
    require_dependencies("serve")
    exec_module("api.serve")


def worker(devices: Devices = "all") -> None:
    """Run a worker per device."""
    require_dependencies("worker")
    exec_module("worker.supervisor", "--devices", devices)


def migrate() -> None:
    """Bring the database to this version."""
    require_dependencies("migrate")
    exec_module("shared.commands.migrate")


def fetch_weights(network: Network = "vgg16") -> None:
    """Download and verify the weights of a network, unless they are there."""
    require_dependencies("weights")
    exec_module("worker.weights", "fetch", "--network", network)


def list_workers() -> None:
    """List the workers: host, device, state, job, when last seen."""
    require_dependencies("admin")
    exec_module("shared.commands.workers", "list")


def drain(worker: Worker = None, host: Host = None) -> None:
    """Have workers hand their jobs back, with a checkpoint, and take no more."""
    require_dependencies("admin")
    exec_module("shared.commands.workers", "drain", *_worker_arguments(worker, host))


def undrain(worker: Worker = None, host: Host = None) -> None:
    """Have drained workers take jobs again."""
    require_dependencies("admin")
    exec_module("shared.commands.workers", "undrain", *_worker_arguments(worker, host))


def _worker_arguments(worker: str | None, host: str | None) -> tuple[str, ...]:
    if (worker is None) == (host is None):
        raise InvalidOption(
            "name one worker, or --host HOST", hint="impasto admin workers"
        )
    return (worker,) if worker is not None else ("--host", str(host))
