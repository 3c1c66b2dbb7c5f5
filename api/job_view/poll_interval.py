"""Poll interval: after how many seconds a client should ask for a job again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.states import TERMINAL, JobState

if TYPE_CHECKING:
    from api.job_view.schemas import JobObject, QueuePlace

_MAX_POLL_SECONDS = 30
_SECONDS_PER_JOB_AHEAD = 2


def poll_seconds(job: JobObject) -> int | None:
    """Return the seconds until the next poll of a job, or None if the job has ended.

    They are the header `Retry-After` of its answer.
    """
    if job.state in TERMINAL:
        return None
    if job.state == JobState.PAUSED:
        return _MAX_POLL_SECONDS
    seconds = 1.0  # a worker reacts to a request after its iteration
    runs_on = job.state == JobState.RUNNING and not job.finish_requested
    if job.queue is not None:
        seconds = _until_start(job.queue)
    elif runs_on and job.progress is not None and job.progress.eta_s is not None:
        seconds = job.progress.eta_s / 20  # once per 5 % of the remaining time
    return round(min(max(seconds, 1), _MAX_POLL_SECONDS))


def _until_start(queue: QueuePlace) -> float:
    """Return the seconds until a queued job may start, guessed by place if unknown."""
    if queue.starts_in_s is not None:
        return queue.starts_in_s
    return 1.0 + queue.ahead * _SECONDS_PER_JOB_AHEAD
