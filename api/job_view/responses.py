"""Responses that show a job: with ETag and Retry-After, or 304."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, request

from api.http.responses import json_response
from api.job_view.serializer import job_url, poll_seconds

if TYPE_CHECKING:
    from api.job_view.schemas import JobObject
    from api.job_view.view_cache import JobView


def job_response(job: JobObject, status: int = 200) -> Response:
    """Respond with a job object, its ETag, Retry-After and, for a 202, its URL."""
    response = json_response(job, status)
    response.headers.extend(_headers(job.version, poll_seconds(job)))
    if status == 202:  # noqa: PLR2004 - accepted
        response.headers["Location"] = job_url(job.id)
    return response


def view_response(view: JobView) -> Response:
    """Respond with a job as it was read; 304 if the client has its version."""
    if is_known(view.version.version):
        response = Response(status=304)
    else:
        response = Response(view.json, mimetype="application/json")
    response.headers.extend(_headers(view.version.version, view.poll_seconds))
    return response


def is_known(version: int) -> bool:
    """Return whether the client has this version of the job, by If-None-Match."""
    return request.if_none_match.contains_weak(str(version))


def _headers(version: int, poll_seconds: int | None) -> list[tuple[str, str]]:
    """Return the headers ETag, Cache-Control and, until the job ends, Retry-After."""
    headers = [("ETag", f'W/"{version}"'), ("Cache-Control", "private, no-cache")]
    if poll_seconds is not None:
        headers.append(("Retry-After", str(poll_seconds)))
    return headers
