"""Commands that read jobs: watch, show, ls, download."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from impasto.cli.exit_codes import INTERRUPTED
from impasto.cli.job_ids import resolve_job_id
from impasto.cli.output import print_line, print_message
from impasto.cli.render import format_details, format_table
from impasto.cli.session import ApiUrl, AsJson, JobId, connect
from impasto.cli.watch import detached_message, follow_job
from impasto.client.formats import file_extension

if TYPE_CHECKING:
    from impasto.client.client import Client


def watch(job_id: JobId, api_url: ApiUrl = None, as_json: AsJson = False) -> None:
    """Follow a job until it is over; Ctrl-C leaves it alone."""
    with connect(api_url) as client:
        full_id = resolve_job_id(client.jobs, job_id)
        try:
            follow_job(client.jobs, full_id, as_json=as_json)
        except KeyboardInterrupt:
            print_message(detached_message(full_id))
            raise typer.Exit(INTERRUPTED) from None


def show(job_id: JobId, api_url: ApiUrl = None, as_json: AsJson = False) -> None:
    """Show all of one job."""
    with connect(api_url) as client:
        job = client.jobs.get(resolve_job_id(client.jobs, job_id))
    print_line(job.as_json(indent=2) if as_json else format_details(job))


def ls(
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many.")] = 20,
    state: Annotated[str | None, typer.Option(help="Only those in it.")] = None,
    api_url: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""
    with connect(api_url) as client:
        page = client.jobs.list(limit=limit, state=state)
    if as_json:
        print_line(page.as_json(indent=2))
    elif page.data:
        print_line(format_table(page.data))
    else:
        print_message("no jobs yet; 'impasto run PHOTO STYLE' makes one")


def download(
    job_id: JobId,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Default: ID and the format's ending."),
    ] = None,
    frame: Annotated[
        bool, typer.Option("--frame", help="The latest small picture of a running job.")
    ] = False,
    api_url: ApiUrl = None,
) -> None:
    """Save the picture of a job; prints where."""
    with connect(api_url) as client:
        full_id = resolve_job_id(client.jobs, job_id)
        extension = _default_extension(client, full_id, frame=frame)
        path = output or Path(f"{full_id}{extension}")
        save = client.jobs.download_latest_frame if frame else client.jobs.download
        print_line(str(save(full_id, path)))


def _default_extension(client: Client, job_id: str, *, frame: bool) -> str:
    if frame:
        return file_extension("jpeg")
    outputs = client.jobs.get(job_id).outputs
    return file_extension(outputs[0].media_type if outputs else None)
