"""Commands that make a picture: run, submit, demo."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from impasto.cli.exit_codes import INTERRUPTED
from impasto.cli.options import Recipe, Wanted, with_recipe
from impasto.cli.output import print_line, say
from impasto.cli.session import ApiUrl, AsJson, connect
from impasto.cli.signals import stop_signals_raise
from impasto.cli.watch import detached, follow, interrupted_with_stack
from impasto.client.formats import ending, with_format
from impasto.errors import BadKey, ServerUnreachable
from impasto.local.components import require_parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from impasto.client.client import Client
    from impasto.client.models import Job

Photo = Annotated[
    Path,
    typer.Argument(metavar="PHOTO", exists=True, dir_okay=False, help="The photo."),
]
Styles = Annotated[
    list[Path],
    typer.Argument(
        metavar="STYLE", exists=True, dir_okay=False, help="One to eight paintings."
    ),
]


@with_recipe
def submit(
    photo: Photo,
    styles: Styles,
    *,
    recipe: Recipe,
    api_url: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Queue a job and print its id."""
    wanted = recipe.read(styles)
    with connect(api_url) as client:
        job = _submit(client, photo, wanted)
    print_line(job.as_json(indent=2) if as_json else job.id)


@with_recipe
def run(
    photo: Photo,
    styles: Styles,
    *,
    recipe: Recipe,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Default: PHOTO-STYLE.png")
    ] = None,
    api_url: ApiUrl = None,
) -> None:
    """Paint PHOTO like STYLE and save the picture; starts a farm if none is up."""
    from impasto.client.downloads import require_place  # noqa: PLC0415 - for this alone  # noqa: PLC0415

    wanted = recipe.read(styles)
    path = output or Path(
        f"{photo.stem}-{styles[0].stem}{ending(wanted.params.get('format'))}"
    )
    require_place(path)
    wanted = replace(wanted, params=with_format(wanted.params, path))
    with client_of_some_farm(api_url) as (client, is_ours):
        job_id = _submit(client, photo, wanted).id
        try:
            say(f"submitted {job_id}")
            follow(client.jobs, job_id)
            print_line(str(client.jobs.download(job_id, path)))
        except KeyboardInterrupt:
            say(interrupted_with_stack(job_id) if is_ours else detached(job_id))
            raise typer.Exit(INTERRUPTED) from None


def _submit(client: Client, photo: Path, wanted: Wanted) -> Job:
    return client.jobs.submit(
        photo,
        wanted.paintings,
        params=wanted.params,
        name=wanted.name,
        init_image=wanted.init_image,
        segments=wanted.segments,
        options=wanted.options,
    )


@contextmanager
def client_of_some_farm(api_url: str | None) -> Iterator[tuple[Client, bool]]:
    """Give a client, and whether its farm is our own and ends with the block."""
    try:
        client = connect(api_url)
    except ServerUnreachable:
        if api_url:
            raise
    else:
        with client:
            yield client, False
        return
    with _client_of_own_farm() as client:
        yield client, True


@contextmanager
def _client_of_own_farm() -> Iterator[Client]:
    # Both take 100 ms to load, which no other command should pay.
    from impasto.client.client import Client  # noqa: PLC0415
    from impasto.client.discovery import home_folder  # noqa: PLC0415
    from impasto.local.farm import FarmPlan, running_farm  # noqa: PLC0415
    from impasto.local.weights import fetch_missing_weights  # noqa: PLC0415

    home, environment = home_folder(os.environ), dict(os.environ)
    _require_key(environment)
    fetch_missing_weights(environment, say)
    say(f"no farm is up: starting one for this job, with its data in {home}")
    plan = FarmPlan(home, "all", None, environment)
    with (
        stop_signals_raise(),
        running_farm(plan, say) as farm,
        Client(farm.url, sleep=farm.tend) as client,
    ):
        yield client


def _require_key(environment: Mapping[str, str]) -> None:
    if environment.get("IMPASTO_AUTH") == "keys" and not environment.get(
        "IMPASTO_API_KEY"
    ):
        raise BadKey(
            "no farm is up, and one that starts with IMPASTO_AUTH=keys wants a key",
            hint="set IMPASTO_API_KEY ('impasto keys create' makes one), or "
            "unset IMPASTO_AUTH",
        )


def demo(
    folder: Annotated[Path, typer.Argument(help="Where the pictures go.")] = Path(
        "demo"
    ),
) -> None:
    """Paint a sample picture on a farm of its own, from start to stop."""
    require_parts("stack")
    from impasto.cli.demo import run_demo  # noqa: PLC0415 - loads the stack and Pillow  # noqa: PLC0415

    raise typer.Exit(run_demo(folder))
