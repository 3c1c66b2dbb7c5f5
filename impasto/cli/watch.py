"""A job that is being watched: a live bar, plain lines, or JSON lines.

Follow a job on a display until it is over, and what to say to who leaves early.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from impasto.cli.output import print_line, say
from impasto.cli.render import headline, outcome, pace, waiting, work
from impasto.client.outcomes import raise_for_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from impasto.client.jobs import Jobs
    from impasto.client.models import Job

_PERCENT_PER_LINE = 10


class Display(Protocol):
    """Where a watched job is shown."""

    def show(self, job: Job) -> None:
        """Take what the job is now."""


class PlainLines:
    """One line when the state changes, and at every 10 %."""

    def __init__(self) -> None:
        self._last: tuple[object, ...] = ()

    def show(self, job: Job) -> None:
        """Say a line, if this is worth one."""
        fraction = job.progress.fraction if job.progress else 0.0
        tenth = int(fraction * 100) // _PERCENT_PER_LINE
        place = job.queue.position if job.queue else None
        key = (job.state, tenth, place)
        if key != self._last:
            say(f"{job.id}: {headline(job)}")
        self._last = key


class JsonLines:
    """One JSON object per change, on stdout."""

    def show(self, job: Job) -> None:
        """Print the whole job."""
        print_line(job.as_json())


class LiveBar:
    """A bar that grows where it stands."""

    def __init__(self, progress: RichProgress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def show(self, job: Job) -> None:
        """Redraw the bar."""
        self._progress.update(self._task, **_fields(job))


def _fields(job: Job) -> dict[str, Any]:
    now = job.progress
    done = now.fraction if now else 0.0
    if job.is_over:
        done = 1.0 if job.state == "succeeded" else done
        return {"completed": done, "doing": outcome(job), "pace": ""}
    if job.state == "queued" or now is None:
        return {"completed": done, "doing": waiting(job), "pace": ""}
    return {"completed": done, "doing": work(now), "pace": pace(now)}


@contextmanager
def display_for_people() -> Iterator[Display]:
    """Show on stderr: a live bar on a terminal, plain lines elsewhere."""
    if not sys.stderr.isatty():
        yield PlainLines()
        return
    # rich takes 40 ms to load, which `impasto ls` must not pay.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415

    columns = (
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[doing]}"),
        TextColumn("[dim]{task.fields[pace]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield LiveBar(progress, progress.add_task("", total=1.0, doing="", pace=""))


def follow(jobs: Jobs, job_id: str, *, as_json: bool = False) -> Job:
    """Show a job until it is over; return it if it succeeded.

    Raises:
        JobFailed: It ended without a picture.
        JobCanceled: It was stopped.
    """
    if as_json:
        job = _show_all(jobs, job_id, JsonLines())
    else:
        with display_for_people() as display:
            job = _show_all(jobs, job_id, display)
    raise_for_state(job)
    return job


def _show_all(jobs: Jobs, job_id: str, display: Display) -> Job:
    job: Job | None = None
    for job in jobs.watch(job_id):
        display.show(job)
    if job is None:
        raise RuntimeError("a watched job is seen at least once")
    return job


def detached(job_id: str) -> str:
    """Say that the job goes on without its watcher, and how to come back."""
    return f"the job goes on; 'impasto watch {job_id}', 'impasto cancel {job_id}'"


def interrupted_with_stack(job_id: str) -> str:
    """Say what becomes of the job when its own stack stops."""
    return (
        f"stopping the farm that 'impasto run' started; job {job_id} goes on at the "
        "next 'impasto up' (then 'impasto watch' or 'impasto cancel' it)"
    )
