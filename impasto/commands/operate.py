"""Commands that become a server part: serve, worker, migrate, weights, admin."""

from __future__ import annotations

from typing import Annotated

import typer

from impasto.parts import become, require_parts

Devices = Annotated[
    str, typer.Option(help="all, cpu, cpu*N, or a list like cuda:0,cuda:1.")
]
Network = Annotated[str, typer.Option(help="vgg16 or vgg19.")]


def serve() -> None:
    """Serve the API and the page; IMPASTO_HOST, IMPASTO_PORT, IMPASTO_API_THREADS."""
    require_parts("serve")
    become("api.serve")


def worker(devices: Devices = "all") -> None:
    """Run a worker per device."""
    require_parts("worker")
    become("worker.fleet", "--devices", devices)


def migrate() -> None:
    """Bring the database to this version."""
    require_parts("migrate")
    become("shared.migrations")


def fetch_weights(network: Network = "vgg16") -> None:
    """Download and verify the weights of a network, unless they are there."""
    require_parts("weights")
    become("worker.weights", "fetch", "--network", network)


def create_key(
    name: Annotated[str, typer.Option(help="Who or what will use it.")],
) -> None:
    """Make an API key and print it, once."""
    require_parts("admin")
    become("shared.keys", "create", "--name", name)
