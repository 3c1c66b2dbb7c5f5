"""Responses that show a job: ETag, when to ask again, 304."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, request

from api.http.responses import answer
from api.job_view.etag import mark_of_job
from api.job_view.serializer import job_url, poll_seconds

if TYPE_CHECKING:
    from api.job_view.etag import Mark
    from api.job_view.schemas import JobObject
    from api.job_view.view_cache import Look, Looks


def job_answer(job: JobObject, status: int = 200) -> Response:
    """Send a job with its address, its ETag and when to ask again."""
    response = answer(job, status)
    response.headers.extend(look_headers(mark_of_job(job), poll_seconds(job)))
    if status == 202:  # noqa: PLR2004 - accepted
        response.headers["Location"] = job_url(job.id)
    return response


def look_answer(looks: Looks, look: Look) -> Response:
    """Send what a look at a job has shown; 304 if the client knows.

    Raises:
        JobNotFound: It is gone meanwhile.
    """
    if request.if_none_match.contains_weak(str(look.mark)):
        response = Response(status=304)
    else:
        response = Response(looks.text(look), mimetype="application/json")
    response.headers.extend(look_headers(look.mark, look.poll_seconds))
    return response


def look_headers(mark: Mark, poll_seconds: int | None) -> list[tuple[str, str]]:
    """Tell which look at a job this is, and when it is worth looking again."""
    headers = [("ETag", f'W/"{mark}"'), ("Cache-Control", "private, no-cache")]
    if poll_seconds is not None:
        headers.append(("Retry-After", str(poll_seconds)))
    return headers
