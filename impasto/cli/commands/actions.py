"""Commands that ask something of jobs: cancel, pause, set, fork and so on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from impasto.cli.job_ids import full_id
from impasto.cli.output import print_line, say
from impasto.cli.session import ApiUrl, AsJson, JobId, connect
from impasto.errors import BadFlag, ImpastoError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from impasto.client.models import Job

JobIds = Annotated[
    list[str], typer.Argument(metavar="ID...", help="Ids, beginnings, or @last.")
]
# They need no look at the job first: whoever sends them has not seen it either.
_ABOUT = frozenset({"name", "priority", "cancel_after"})


def cancel(job_ids: JobIds, api_url: ApiUrl = None) -> None:
    """Stop jobs for good; says of each what became of it."""
    _ask_each("cancel", job_ids, api_url)


def pause(job_ids: JobIds, api_url: ApiUrl = None) -> None:
    """Free the devices of jobs; they keep what is done."""
    _ask_each("pause", job_ids, api_url)


def resume(job_ids: JobIds, api_url: ApiUrl = None) -> None:
    """Let paused jobs go on."""
    _ask_each("resume", job_ids, api_url)


def finish(job_ids: JobIds, api_url: ApiUrl = None) -> None:
    """Stop jobs now and keep their pictures as they are."""
    _ask_each("finish", job_ids, api_url)


def change(
    job_id: JobId,
    settings: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY=VALUE...",
            help="style_weight, content_weight, tv_weight, iterations (of the last "
            "scale), styles, name, priority, cancel_after.",
        ),
    ],
    api_url: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Change a job in mid-run: its weights, its iterations, its place in line."""
    changes = dict(read_setting(each) for each in settings)
    with connect(api_url) as client:
        found = full_id(client.jobs, job_id)
        seen = None if changes.keys() <= _ABOUT else client.jobs.get(found).revision
        job = client.jobs.change(found, changes, seen)
    _tell(job, f"{job.id} {job.state}", as_json=as_json)


def extend(
    job_id: JobId,
    iterations: Annotated[
        int, typer.Option("-n", "--iterations", min=1, help="At the last scale.")
    ],
    api_url: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Add iterations to a finished job: prints the id of the new one."""
    with connect(api_url) as client:
        job = client.jobs.extend(full_id(client.jobs, job_id), iterations)
    _tell(job, job.id, as_json=as_json)


def fork(
    job_id: JobId,
    iteration: Annotated[
        int, typer.Option("--from", min=1, help="An iteration with a checkpoint.")
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Weights or iterations from there on; may be repeated.",
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Default: its parent's.")] = None,
    api_url: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Go on from a checkpoint in another way: prints the id of the new job."""
    params = dict(read_setting(each) for each in settings or ())
    with connect(api_url) as client:
        found = full_id(client.jobs, job_id)
        job = client.jobs.fork(found, iteration, params, name)
    _tell(job, job.id, as_json=as_json)


def retry(
    job_id: JobId,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Not from its last checkpoint.")
    ] = False,
    api_url: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Try a failed, canceled or expired job again: prints the id of the new one."""
    with connect(api_url) as client:
        found = full_id(client.jobs, job_id)
        job = client.jobs.retry(found, from_start=from_start)
    _tell(job, job.id, as_json=as_json)


def read_setting(text: str) -> tuple[str, object]:
    """Read KEY=VALUE; a value that is no JSON is a text.

    Raises:
        BadFlag: It has no `=`.
    """
    key, found, value = text.partition("=")
    if not found or not key:
        raise BadFlag(f"{text!r}: write KEY=VALUE, like style_weight=4")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _ask_each(verb: str, job_ids: Sequence[str], api_url: str | None) -> None:
    failure: ImpastoError | None = None
    with connect(api_url) as client:
        ask = getattr(client.jobs, verb)
        for typed in job_ids:
            try:
                job = ask(full_id(client.jobs, typed))
            except ImpastoError as error:
                say(f"{typed}: {error}")
                failure = error
            else:
                print_line(f"{job.id} {job.state}")
    if failure is not None:
        raise failure


def _tell(job: Job, line: str, *, as_json: bool) -> None:
    print_line(job.as_json(indent=2) if as_json else line)
