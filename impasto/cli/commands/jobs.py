"""Commands that read jobs: watch, show, ls, logs, frames, download, queue."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from impasto.cli.exit_codes import INTERRUPTED
from impasto.cli.job_ids import resolve_job_id
from impasto.cli.options import Tags  # noqa: TC001 - Typer reads it
from impasto.cli.output import print_line, print_message
from impasto.cli.render import (
    format_details,
    format_frames,
    format_log,
    format_queue,
    format_table,
)
from impasto.cli.session import STDIO, ApiUrl, AsJson, JobId, connect
from impasto.cli.watch import detached_message, follow_job
from impasto.client.formats import (
    file_extension,
    format_of,
    require_folder_name,
    require_jpeg_name,
)
from impasto.client.params import State  # noqa: TC001 - Typer reads it


def watch(job_id: JobId, api_url: ApiUrl = None, as_json: AsJson = False) -> None:
    """Follow a job until it has ended; Ctrl-C does not stop the job."""
    with connect(api_url) as client:
        full_id = resolve_job_id(client.jobs, job_id)
        try:
            follow_job(client.jobs, full_id, as_json=as_json)
        except KeyboardInterrupt:
            print_message(detached_message(full_id))
            raise typer.Exit(INTERRUPTED) from None


def show(job_id: JobId, api_url: ApiUrl = None, as_json: AsJson = False) -> None:
    """Show all details of a job."""
    with connect(api_url) as client:
        job = client.jobs.get(resolve_job_id(client.jobs, job_id))
    print_line(job.as_json(indent=2) if as_json else format_details(job))


def ls(
    limit: Annotated[
        int, typer.Option(min=1, max=200, help="Maximum number of jobs.")
    ] = 20,
    state: Annotated[
        State | None, typer.Option(help="Only jobs in this state.")
    ] = None,
    tags: Tags = None,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Print only the ids.")
    ] = False,
    api_url: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""
    with connect(api_url) as client:
        page = client.jobs.list(
            limit=limit, state=[state] if state else (), tag=tags or ()
        )
    if as_json:
        print_line(page.as_json(indent=2))
    elif quiet:
        for job in page.data:
            print_line(job.id)
    elif page.data:
        print_line(format_table(page.data))
    elif state or tags:
        print_message("no such jobs")
    else:
        print_message("no jobs yet; 'impasto run PHOTO STYLE' makes one")


def logs(job_id: JobId, api_url: ApiUrl = None, as_json: AsJson = False) -> None:
    """Show the events of a job with their times."""
    with connect(api_url) as client:
        rows = client.jobs.logs(resolve_job_id(client.jobs, job_id))
    print_line(json.dumps(rows, indent=2) if as_json else format_log(rows))


def frames(
    job_id: JobId,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Folder in which all of them are saved."),
    ] = None,
    api_url: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """List the previews of a job, or save them."""
    with connect(api_url) as client:
        full_id = resolve_job_id(client.jobs, job_id)
        if output is not None:
            require_folder_name(output)
            for path in client.jobs.download_frames(full_id, output):
                print_line(str(path))
            return
        rows = client.jobs.frames(full_id)
    print_line(json.dumps(rows, indent=2) if as_json else format_frames(rows))


def queue(api_url: ApiUrl = None, as_json: AsJson = False) -> None:
    """Show the numbers of waiting and running jobs, and the wait of a new job."""
    with connect(api_url) as client:
        state = client.queue()
    print_line(json.dumps(state, indent=2) if as_json else format_queue(state))


def download(
    job_id: JobId,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Its ending chooses the format; - for standard output. "
            "Default: ID and the job's format.",
        ),
    ] = None,
    frame: Annotated[
        bool, typer.Option("--frame", help="Save the latest preview of a running job.")
    ] = False,
    api_url: ApiUrl = None,
) -> None:
    """Save the picture of a job, and print its path."""
    with connect(api_url) as client:
        full_id = resolve_job_id(client.jobs, job_id)
        if frame and output == STDIO:
            client.jobs.write_frame(full_id, sys.stdout.buffer)
        elif frame:
            path = output or Path(f"{full_id}{file_extension('jpeg')}")
            require_jpeg_name(path)
            print_line(str(client.jobs.download_frame(full_id, path)))
        elif output == STDIO:
            client.jobs.write_result(full_id, sys.stdout.buffer)
        elif output is not None:
            format_name = format_of(output)
            client.jobs.download(full_id, output, format_name=format_name)
            print_line(str(output))
        else:
            outputs = client.jobs.get(full_id).outputs
            extension = file_extension(outputs[0].media_type if outputs else None)
            print_line(str(client.jobs.download(full_id, Path(full_id + extension))))
