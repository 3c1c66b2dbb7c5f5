"""Follow a job on a display until it is over, and what to say to who leaves early."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.displays import Display, JsonLines, display_for_people
from impasto.outcomes import raise_for_state

if TYPE_CHECKING:
    from impasto.jobs import Jobs
    from impasto.models import Job


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
