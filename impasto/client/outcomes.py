"""Errors of waiting for a job: it failed, was canceled, or is not done in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from impasto.errors import ImpastoError

if TYPE_CHECKING:
    from impasto.client.models import Job


class JobFailed(ImpastoError):
    """The job ended without a picture; `job` says why."""

    code = "job_failed"

    def __init__(self, job: Job) -> None:
        error = job.error
        reason = f"{error.message} ({error.code})" if error else job.state
        super().__init__(
            f"job {job.id} failed: {reason}", hint=(error.hint or "") if error else ""
        )
        self.job = job


class JobCanceled(ImpastoError):
    """The job was stopped before its picture was done."""

    code = "job_canceled"

    def __init__(self, job: Job) -> None:
        super().__init__(f"job {job.id} was canceled")
        self.job = job


class WaitTimeout(ImpastoError):
    """The job is not done in the given time; it goes on."""

    code = "wait_timeout"

    def __init__(self, job: Job, seconds: float) -> None:
        super().__init__(f"job {job.id} is still {job.state} after {seconds:g} s")
        self.job = job


def raise_for_state(job: Job) -> None:
    """Raise if a job has ended without success; do nothing while it may succeed.

    Raises:
        JobFailed: The job ended without a picture.
        JobCanceled: The job was canceled.
    """
    if job.state == "canceled":
        raise JobCanceled(job)
    if job.is_over and job.state != "succeeded":
        raise JobFailed(job)
