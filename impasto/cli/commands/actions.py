"""Actions on jobs: cancel, pause, resume, finish, set, extend, fork, retry, rm."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, cast

import typer

from impasto.cli.exit_codes import error_lines
from impasto.cli.job_ids import resolve_job_id
from impasto.cli.output import print_line, print_message
from impasto.cli.session import ApiUrl, AsJson, JobId, JobIds, connect
from impasto.errors import ImpastoError, InvalidOption

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from impasto.client.jobs import Jobs
    from impasto.client.models import Job
    from impasto.client.params import Changes, JobChanges

# Changes of these need no revision: they do not depend on what the job was before.
_FIELDS_WITHOUT_REVISION = frozenset({"name", "priority", "cancel_after"})


def cancel(job_ids: JobIds, api_url: ApiUrl = None, as_json: AsJson = False) -> None:
    """Stop jobs for good; says of each what became of it."""
    _request_each("cancel", job_ids, api_url, as_json=as_json)


def pause(job_ids: JobIds, api_url: ApiUrl = None, as_json: AsJson = False) -> None:
    """Free the devices of jobs; they keep what is done."""
    _request_each("pause", job_ids, api_url, as_json=as_json)


def resume(job_ids: JobIds, api_url: ApiUrl = None, as_json: AsJson = False) -> None:
    """Let paused jobs go on."""
    _request_each("resume", job_ids, api_url, as_json=as_json)


def finish(job_ids: JobIds, api_url: ApiUrl = None, as_json: AsJson = False) -> None:
    """Stop jobs now and keep their pictures as they are."""
    _request_each("finish", job_ids, api_url, as_json=as_json)


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
    """Change a job in mid-run: its weights, its iterations, its place in the queue."""
    # The server checks what was typed.
    changes = cast("JobChanges", dict(parse_change(text) for text in settings))
    needs_revision = not changes.keys() <= _FIELDS_WITHOUT_REVISION
    with connect(api_url) as client:
        full_id = resolve_job_id(client.jobs, job_id)
        revision = client.jobs.get(full_id).revision if needs_revision else None
        job = client.jobs.change(full_id, changes, revision)
    _print_job(job, f"{job.id} {job.state}", as_json=as_json)


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
        job = client.jobs.extend(resolve_job_id(client.jobs, job_id), iterations)
    _print_job(job, job.id, as_json=as_json)


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
    params = cast("Changes", dict(parse_change(text) for text in settings or ()))
    with connect(api_url) as client:
        full_id = resolve_job_id(client.jobs, job_id)
        job = client.jobs.fork(full_id, iteration, params, name)
    _print_job(job, job.id, as_json=as_json)


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
        full_id = resolve_job_id(client.jobs, job_id)
        job = client.jobs.retry(full_id, from_start=from_start)
    _print_job(job, job.id, as_json=as_json)


def parse_change(text: str) -> tuple[str, object]:
    """Parse KEY=VALUE; a value that is no JSON is a text.

    Raises:
        InvalidOption: It has no `=`, or nothing before it.
    """
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise InvalidOption(f"{text!r}: write KEY=VALUE, like style_weight=4")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def remove(
    job_ids: JobIds,
    force: Annotated[
        bool, typer.Option("-f", "--force", help="Cancel those that have not ended.")
    ] = False,
    api_url: ApiUrl = None,
) -> None:
    """Delete jobs with all of their files; there is no way back."""

    def delete(jobs: Jobs, job_id: str) -> str:
        is_gone = jobs.delete(job_id, cancel=force)
        return f"{job_id} {'deleted' if is_gone else 'will be deleted'}"

    _for_each(job_ids, api_url, delete)


def _request_each(
    action: str, job_ids: Sequence[str], api_url: str | None, *, as_json: bool
) -> None:
    def request(jobs: Jobs, job_id: str) -> str:
        job: Job = getattr(jobs, action)(job_id)
        return job.as_json() if as_json else f"{job.id} {job.state}"

    _for_each(job_ids, api_url, request)


def _for_each(
    job_ids: Sequence[str], api_url: str | None, act: Callable[[Jobs, str], str]
) -> None:
    """Do something with each job and print a line for it, though some may fail."""
    failure: ImpastoError | None = None
    with connect(api_url) as client:
        for job_id in job_ids:
            try:
                line = act(client.jobs, resolve_job_id(client.jobs, job_id))
            except ImpastoError as error:
                first, *others = error_lines(error)
                print_message(f"{job_id}: {first.removeprefix('error: ')}")
                for line in others:
                    print_message(line)
                failure = error
            else:
                print_line(line)
    if failure is not None:
        raise typer.Exit(failure.exit_code)


def _print_job(job: Job, line: str, *, as_json: bool) -> None:
    print_line(job.as_json(indent=2) if as_json else line)
