"""The client of one command, loaded only when a command needs it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from impasto.client.client import Client

ApiUrl = Annotated[
    str | None,
    typer.Option(
        "--api-url",
        envvar="IMPASTO_API_URL",
        help="Address of the server; default: the stack that runs on this machine.",
    ),
]
JobId = Annotated[
    str, typer.Argument(metavar="ID", help="An id, its beginning, or @last.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def connect(api_url: str | None) -> Client:
    """Return a client of the server that is told or runs here."""
    # httpx would load its own command line, with rich and pygments: 40 ms. None makes
    # the import fail, which httpx takes for a machine without them.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    from impasto.client.client import Client  # noqa: PLC0415 - httpx takes 100 ms to load

    return Client(api_url)
