"""Responses to requests that create or change a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.dependencies import current_dependencies
from api.http.responses import json_response
from api.job_view.poll_interval import poll_seconds
from api.job_view.serializer import job_url, read_job_object

if TYPE_CHECKING:
    from flask import Response

    from shared.db.models.jobs import Job


def job_response(job: Job, status: int = 200, *, reused: bool = False) -> Response:
    """Respond with the current job, without its place in the queue.

    The place would cost more than the request itself, so the first poll returns it. The
    response has no ETag, since that poll would then get 304.

    Args:
        job: Row of the job.
        status: Status of the response; a 202 has the URL of the job.
        reused: True if an equal job was returned instead of a new one.
    """
    database = current_dependencies().database
    body = read_job_object(database, job).model_copy(update={"reused": reused})
    response = json_response(body, status)
    seconds = poll_seconds(body)
    if seconds is not None:
        response.headers["Retry-After"] = str(seconds)
    if status == 202:  # noqa: PLR2004 - accepted
        response.headers["Location"] = job_url(job.id)
    return response
