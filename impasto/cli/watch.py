"""Live display of a job until its end: progress bar, plain lines or JSON lines."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from impasto.cli.output import print_line, print_message
from impasto.cli.render import (
    format_outcome,
    format_pace,
    format_progress,
    format_queued,
    format_status,
)
from impasto.errors import raise_for_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from impasto.client.jobs import Jobs
    from impasto.client.models import Job

_PERCENT_PER_LINE = 10


class Display(Protocol):
    """Display of a followed job."""

    def show(self, job: Job) -> None:
        """Show the current job."""


class LineDisplay:
    """Display that prints a line when the state changes, and at every 10 %."""

    def __init__(self) -> None:
        self._previous: tuple[object, ...] = ()

    def show(self, job: Job) -> None:
        """Print a line if the state, the queue place or the tenth has changed."""
        fraction = job.progress.fraction if job.progress else 0.0
        tenth = int(fraction * 100) // _PERCENT_PER_LINE
        place = job.queue.position if job.queue else None
        key = (job.state, tenth, place)
        if key != self._previous:
            print_message(f"{job.id}: {format_status(job)}")
        self._previous = key


class JsonDisplay:
    """Display that prints one JSON object per change, on stdout."""

    def show(self, job: Job) -> None:
        """Print the whole job as JSON."""
        print_line(job.as_json())


class ProgressBarDisplay:
    """Display that redraws a progress bar in place."""

    def __init__(self, progress: RichProgress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def show(self, job: Job) -> None:
        """Redraw the bar."""
        self._progress.update(self._task, **_bar_fields(job))


def _bar_fields(job: Job) -> dict[str, Any]:
    progress = job.progress
    fraction = progress.fraction if progress else 0.0
    if job.is_over:
        fraction = 1.0 if job.state == "succeeded" else fraction
        return {"completed": fraction, "status": format_outcome(job), "pace": ""}
    if job.state == "queued" or progress is None:
        return {"completed": fraction, "status": format_queued(job), "pace": ""}
    status, pace = format_progress(progress), format_pace(progress)
    return {"completed": fraction, "status": status, "pace": pace}


@contextmanager
def open_display() -> Iterator[Display]:
    """Open a display on stderr: a progress bar on a terminal, else plain lines."""
    if not sys.stderr.isatty():
        yield LineDisplay()
        return
    # Imported here, since rich takes 40 ms to load, and most commands do not need it.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415

    columns = (
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[status]}"),
        TextColumn("[dim]{task.fields[pace]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield ProgressBarDisplay(
            progress, progress.add_task("", total=1.0, status="", pace="")
        )


def follow_job(jobs: Jobs, job_id: str, *, as_json: bool = False) -> Job:
    """Show a job until it has ended; return it if it succeeded.

    Raises:
        JobFailed: The job ended without a picture.
        JobCanceled: The job was canceled.
    """
    if as_json:
        job = _show_until_over(jobs, job_id, JsonDisplay())
    else:
        with open_display() as display:
            job = _show_until_over(jobs, job_id, display)
    raise_for_state(job)
    return job


def _show_until_over(jobs: Jobs, job_id: str, display: Display) -> Job:
    job: Job | None = None
    for job in jobs.watch(job_id):
        display.show(job)
    if job is None:
        raise RuntimeError("a job is read at least once")
    return job


def detached_message(job_id: str) -> str:
    """Return the message after Ctrl-C: the job continues, and can be followed again."""
    return f"the job goes on; 'impasto watch {job_id}', 'impasto cancel {job_id}'"


def farm_stopping_message(job_id: str) -> str:
    """Return the message that the job waits for the next start of its farm."""
    return (
        f"stopping the farm that 'impasto run' started; job {job_id} goes on at the "
        "next 'impasto up' (then 'impasto watch' or 'impasto cancel' it)"
    )
