"""Commands that make a picture: run, submit, demo."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from impasto.cli.exit_codes import INTERRUPTED
from impasto.cli.option_parsers import file_problem
from impasto.cli.options import JobRequest, StyleOptions, with_style_options
from impasto.cli.output import print_line, print_message
from impasto.cli.session import STDIO, ApiUrl, AsJson, connect
from impasto.cli.signals import raise_on_stop_signals
from impasto.cli.watch import detached_message, farm_stopping_message, follow_job
from impasto.client.formats import file_extension, with_format
from impasto.errors import InvalidApiKey, ServerUnreachable
from impasto.local.components import require_dependencies

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from impasto.client.client import Client
    from impasto.client.models import Job


def _require_file_or_stdin(path: Path) -> Path:
    if path != STDIO and (problem := file_problem(path)):
        raise typer.BadParameter(f"file '{path}' {problem}.")
    return path


Photo = Annotated[
    Path,
    typer.Argument(
        metavar="PHOTO",
        callback=_require_file_or_stdin,  # Typer's allow_dash never fits a Path
        dir_okay=False,
        help="Photo; - for standard input.",
    ),
]
Styles = Annotated[
    list[Path],
    typer.Argument(
        metavar="STYLE", exists=True, dir_okay=False, help="One to eight paintings."
    ),
]


@with_style_options
def submit(
    photo: Photo,
    styles: Styles,
    *,
    options: StyleOptions,
    api_url: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Queue a job and print its id."""
    request = options.to_request(styles)
    with connect(api_url) as client:
        job = _submit(client, read_photo(photo), request)
    print_line(job.as_json(indent=2) if as_json else job.id)


@with_style_options
def run(
    photo: Photo,
    styles: Styles,
    *,
    options: StyleOptions,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Its ending chooses the format; - for standard output. "
            "Default: PHOTO-STYLE.png",
        ),
    ] = None,
    api_url: ApiUrl = None,
) -> None:
    """Paint PHOTO like STYLE, and save the picture; starts a farm if none runs."""
    from impasto.client.downloads import require_writable  # noqa: PLC0415 - for this alone

    request = options.to_request(styles)
    extension = file_extension(request.params.get("format"))
    stem = "picture" if photo == STDIO else photo.stem
    path = output or Path(f"{stem}-{styles[0].stem}{extension}")
    if path != STDIO:
        require_writable(path)
    request = replace(request, params=with_format(request.params, path))
    with connect_or_start_farm(api_url) as (client, owns_farm):
        job_id = _submit(client, read_photo(photo), request).id
        try:
            print_message(f"submitted {job_id}")
            follow_job(client.jobs, job_id)
            if path == STDIO:
                client.jobs.write_result(job_id, sys.stdout.buffer)
            else:
                print_line(str(client.jobs.download(job_id, path)))
        except KeyboardInterrupt:
            print_message(
                farm_stopping_message(job_id) if owns_farm else detached_message(job_id)
            )
            raise typer.Exit(INTERRUPTED) from None


def read_photo(photo: Path) -> Path | bytes:
    """Return the photo to send: its path, or the bytes of standard input."""
    return sys.stdin.buffer.read() if photo == STDIO else photo


def _submit(client: Client, photo: Path | bytes, request: JobRequest) -> Job:
    return client.jobs.submit(
        photo,
        request.styles,
        params=request.params,
        name=request.name,
        tags=request.tags,
        init_image=request.init_image,
        content_labels=request.content_labels,
        segments=request.segments,
        options=request.options,
    )


@contextmanager
def connect_or_start_farm(api_url: str | None) -> Iterator[tuple[Client, bool]]:
    """Connect to a server, or to an embedded farm that runs during the block.

    Yields the client, and whether this process started the farm.
    """
    try:
        client = connect(api_url)
    except ServerUnreachable:
        if api_url:
            raise
    else:
        with client:
            yield client, False
        return
    with _start_farm() as client:
        yield client, True


@contextmanager
def _start_farm() -> Iterator[Client]:
    # Imported here, since both take 100 ms to load.
    from impasto.client.client import Client  # noqa: PLC0415
    from impasto.client.discovery import home_folder  # noqa: PLC0415
    from impasto.local.farm import FarmConfig, run_farm  # noqa: PLC0415
    from impasto.local.weights import fetch_missing_weights  # noqa: PLC0415

    home, environment = home_folder(os.environ), dict(os.environ)
    _require_api_key(environment)
    fetch_missing_weights(environment, print_message)
    print_message(f"no farm is up: starting one for this job, with its data in {home}")
    config = FarmConfig(home, "all", None, environment)
    with (
        raise_on_stop_signals(),
        run_farm(config, print_message) as farm,
        Client(farm.url, sleep=farm.supervise) as client,
    ):
        yield client


def _require_api_key(environment: Mapping[str, str]) -> None:
    if environment.get("IMPASTO_AUTH") == "keys" and not environment.get(
        "IMPASTO_API_KEY"
    ):
        raise InvalidApiKey(
            "no farm is up, and one that starts with IMPASTO_AUTH=keys wants a key",
            hint="set IMPASTO_API_KEY ('impasto keys create' makes one), or "
            "unset IMPASTO_AUTH",
        )


def demo(
    folder: Annotated[Path, typer.Argument(help="Folder for the pictures.")] = Path(
        "demo"
    ),
) -> None:
    """Start a farm, paint a sample picture, and stop the farm."""
    require_dependencies("farm")
    from impasto.cli.demo import run_demo  # noqa: PLC0415 - loads the farm and Pillow

    raise typer.Exit(run_demo(folder))
