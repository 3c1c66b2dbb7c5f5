"""Options of commands that talk to a server, and their client, loaded on demand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from impasto.errors import ImpastoError

if TYPE_CHECKING:
    from impasto.client.client import Client

STDIO = Path("-")  # standard input or output, as a path on the command line
ApiUrl = Annotated[
    str | None,
    typer.Option(
        "--api-url",
        envvar="IMPASTO_API_URL",
        help="Address of the server; default: the farm that runs on this machine.",
    ),
]


def _complete_job_id(incomplete: str) -> list[tuple[str, str]]:
    """Return the newest jobs whose id begins with it, for completion by the shell."""
    try:
        with connect(None) as client:
            jobs = client.jobs.list(limit=100).data
    except ImpastoError:
        return []
    matches = [job for job in jobs if job.id.startswith(incomplete)]
    return [(job.id, f"{job.state} {job.name or ''}".strip()) for job in matches]


JobId = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="An id, its beginning, or @last.",
        autocompletion=_complete_job_id,
    ),
]
JobIds = Annotated[
    list[str],
    typer.Argument(
        metavar="ID...",
        help="Ids, beginnings, or @last.",
        autocompletion=_complete_job_id,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def connect(api_url: str | None) -> Client:
    """Return a client of the server at `api_url`, or of the farm on this machine."""
    # httpx2 would load its own command line, with rich and pygments: 40 ms. None makes
    # the import fail, and httpx2 goes on as if they were not installed.
    sys.modules.setdefault("httpx2._main", None)  # type: ignore[arg-type]
    from impasto.client.client import Client  # noqa: PLC0415 - httpx2 takes 100 ms to load

    return Client(api_url)
