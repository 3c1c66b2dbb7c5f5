"""Actions on jobs: cancel, pause, resume, finish, set, extend, fork, retry, rm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import typer

from impasto.cli.exit_codes import error_lines
from impasto.cli.job_ids import resolve_job_id
from impasto.cli.option_parsers import parse_json
from impasto.cli.output import print_line, print_message
from impasto.cli.session import ApiUrl, AsJson, JobId, JobIds, connect
from impasto.errors import ImpastoError, InvalidOption

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from impasto.client.jobs import Jobs
    from impasto.client.models import Job
    from impasto.client.params import Changes, JobChanges

# Changes of these need no revision, since they do not depend on earlier values.
_FIELDS_WITHOUT_REVISION = frozenset({"name", "priority", "cancel_after"})


def cancel(job_ids: JobIds, api_url: ApiUrl = None, as_json: AsJson = False) -> None:
    """Cancel jobs, and print the new state of each."""
    _request_each("cancel", job_ids, api_url, as_json=as_json)


def pause(job_ids: JobIds, api_url: ApiUrl = None, as_json: AsJson = False) -> None:
    """Pause jobs: free their devices, and keep their progress."""
    _request_each("pause", job_ids, api_url, as_json=as_json)


def resume(job_ids: JobIds, api_url: ApiUrl = None, as_json: AsJson = False) -> None:
    """Resume paused jobs."""
    _request_each("resume", job_ids, api_url, as_json=as_json)


def finish(job_ids: JobIds, api_url: ApiUrl = None, as_json: AsJson = False) -> None:
    """Finish jobs now, with their current pictures."""
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
    """Change a job during the run: its weights, iterations or priority."""
    # The server checks the values.
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
        int,
        typer.Option(
            "-n", "--iterations", min=1, help="Number of iterations, at the last scale."
        ),
    ],
    api_url: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Add iterations to a finished job, and print the id of the new job."""
    with connect(api_url) as client:
        job = client.jobs.extend(resolve_job_id(client.jobs, job_id), iterations)
    _print_job(job, job.id, as_json=as_json)


def fork(
    job_id: JobId,
    iteration: Annotated[
        int, typer.Option("--from", min=1, help="Iteration with a checkpoint.")
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Weights or iterations after the checkpoint; may be repeated.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Name of the new job; default: the name of its parent."),
    ] = None,
    api_url: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Continue a checkpoint with other weights, and print the id of the new job."""
    params = cast("Changes", dict(parse_change(text) for text in settings or ()))
    with connect(api_url) as client:
        full_id = resolve_job_id(client.jobs, job_id)
        job = client.jobs.fork(full_id, iteration, params, name)
    _print_job(job, job.id, as_json=as_json)


def retry(
    job_id: JobId,
    from_start: Annotated[
        bool,
        typer.Option("--from-start", help="Start again, not from the last checkpoint."),
    ] = False,
    api_url: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Retry a failed, canceled or expired job, and print the id of the new job."""
    with connect(api_url) as client:
        full_id = resolve_job_id(client.jobs, job_id)
        job = client.jobs.retry(full_id, from_start=from_start)
    _print_job(job, job.id, as_json=as_json)


def parse_change(text: str) -> tuple[str, object]:
    """Parse KEY=VALUE; a value that is not JSON is a text.

    Raises:
        InvalidOption: The text has no `=`, or no key, or its styles are no list.
    """
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise InvalidOption(f"{text!r}: write KEY=VALUE, like style_weight=4")
    try:
        parsed = parse_json(value)
    except ValueError:
        parsed = value
    if key == "styles" and not isinstance(parsed, list):
        usage = """write styles='[{"weight": 1}, {"weight": 3}]'"""
        raise InvalidOption(f"{text!r}: {usage}")
    return key, parsed


def remove(
    job_ids: JobIds,
    force: Annotated[
        bool,
        typer.Option("-f", "--force", help="Also cancel jobs that have not ended."),
    ] = False,
    api_url: ApiUrl = None,
) -> None:
    """Delete jobs with all of their files; this cannot be undone."""

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
    """Call a function for each job and print a line; failures do not stop the loop."""
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
