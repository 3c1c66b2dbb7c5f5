"""Answers with their headers: ETags, when to look again, pictures."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from flask import Response, request

from api.presenters import job_url, poll_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from api.schemas import JobObject

_COARSE_DIGITS = 2  # progress to the percent
# They change all the time, and alone are no news worth a new answer.
_VOLATILE: dict[str, bool | set[str]] = {
    "reused": True,  # said once, of the answer and not of the job
    "progress": {
        "iteration",
        "it_per_s",
        "elapsed_s",
        "eta_s",
        "losses",
        "updated_at",
        "fraction",
    },
}


def answer(body: BaseModel, status: int = 200) -> Response:
    """Send a model as JSON."""
    return Response(body.model_dump_json(), status, mimetype="application/json")


def job_answer(job: JobObject, status: int = 200) -> Response:
    """Send a job with its address, its ETag and when to ask again; 304 if known."""
    etag = job_etag(job)
    # 304 is for reading only (RFC 9110, 13.1.2).
    reading = request.method in {"GET", "HEAD"}
    known = reading and request.if_none_match.contains_weak(etag)
    response = Response(status=304) if known else answer(job, status)
    response.set_etag(etag, weak=True)
    response.headers["Cache-Control"] = "private, no-cache"
    if (seconds := poll_seconds(job)) is not None:
        response.headers["Retry-After"] = str(seconds)
    if status == 202:  # noqa: PLR2004 - accepted
        response.headers["Location"] = job_url(job.id)
    return response


def job_etag(job: JobObject) -> str:
    """Digest a job, its progress to the percent: the rest moves with every look."""
    steady = job.model_dump_json(exclude=_VOLATILE)
    fraction = job.progress.fraction if job.progress else 0.0
    seen = f"{steady}{round(fraction, _COARSE_DIGITS)}"
    return hashlib.sha256(seen.encode()).hexdigest()[:32]


def cacheable(response: Response) -> Response:
    """Let who has it already be told so: by a digest of all of it."""
    response.add_etag()
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(request)
    return response


def next_link(
    response: Response, path: str, known: Mapping[str, object], following: str | None
) -> None:
    """Add where the next page is, if there is one (RFC 8288)."""
    if following is not None:
        query = urlencode({**known, "cursor": following})
        response.headers["Link"] = f'<{path}?{query}>; rel="next"'


def picture_answer(data: bytes, media_type: str, etag: str, cache: str) -> Response:
    """Send a picture, or the part of it that was asked for."""
    response = Response(data, mimetype=media_type)
    response.set_etag(etag)
    response.headers["Cache-Control"] = cache
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    if _asks_for_bytes():
        response.make_conditional(
            request, accept_ranges=True, complete_length=len(data)
        )
    else:
        response.make_conditional(request)
    return response


def _asks_for_bytes() -> bool:
    """Whether a part, if any, is told in bytes; other units count as not said."""
    # RFC 9110, 14.2; Werkzeug would answer 416.
    unit, _, _ = request.headers.get("Range", "bytes").partition("=")
    return unit.strip().lower() == "bytes"
