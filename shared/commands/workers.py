"""`python -m shared.commands.workers list|drain|undrain`: list and drain workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from shared.commands.operator import make_app, opened_database, print_table, run_app
from shared.workers.registry import list_workers, set_host_draining, set_worker_draining

if TYPE_CHECKING:
    from shared.workers.registry import WorkerEntry

Worker = Annotated[str | None, typer.Argument(help="Id of one worker.")]
Host = Annotated[str | None, typer.Option(help="All workers of this host.")]

_TITLES = ("ID", "HOST", "DEVICE", "STATE", "JOB", "LAST SEEN")

app = make_app("Workers of the farm.")


@app.command("list")
def list_all() -> None:
    """List the workers with host, device, state, job and last heartbeat."""
    with opened_database("workers") as database:
        print_table(_TITLES, [_cells(entry) for entry in list_workers(database)])


@app.command()
def drain(worker: Worker = None, host: Host = None) -> None:
    """Let workers return their jobs with a checkpoint, and take no more."""
    _set_draining(worker, host, draining=True)


@app.command()
def undrain(worker: Worker = None, host: Host = None) -> None:
    """Let drained workers take jobs again."""
    _set_draining(worker, host, draining=False)


def _set_draining(worker: str | None, host: str | None, *, draining: bool) -> None:
    if (worker is None) == (host is None):
        raise typer.BadParameter("name one worker, or --host HOST")
    with opened_database("workers") as database:
        if host is not None:
            worker_ids = set_host_draining(database, host, draining=draining)
        else:
            worker_ids = set_worker_draining(database, str(worker), draining=draining)
    if not worker_ids:
        message = f"no worker {host or worker!r}; see 'impasto admin workers'"
        typer.echo(f"workers: {message}", err=True)
        raise typer.Exit(1)
    for worker_id in worker_ids:
        typer.echo(worker_id)


def _cells(entry: WorkerEntry) -> tuple[str, ...]:
    last_seen = f"{entry.heartbeat_age_seconds:.0f} s ago"
    job = entry.job_id or "-"
    return (entry.id, entry.host, entry.device, entry.state, job, last_seen)


if __name__ == "__main__":
    run_app(app, "impasto admin")
