"""The pictures of a job: its result, its latest preview, and what it was made from."""

from __future__ import annotations

from flask import Response  # noqa: TC002 - flask-openapi reads the annotations

from api.answers import picture_answer
from api.finding import (
    AssetPath,
    JobPath,
    OutputPath,
    find_asset,
    find_job,
    find_output,
)
from api.openapi import get, make_blueprint
from api.services import current_services
from shared import jobs
from shared.errors import NotFound, ResultNotReady, ResultPurged
from shared.formats import FORMATS, format_of_key
from shared.states import TERMINAL

blueprint = make_blueprint("pictures", "What jobs show and what they are made from.")

_RESULTS = ", ".join(each.media_type for each in FORMATS.values())
_FOREVER = "private, max-age=31536000, immutable"
_ASK_AGAIN = "private, no-cache"


@get(
    blueprint,
    "/v1/jobs/<job_id>/result",
    s200=_RESULTS,
    s404=None,
    s409=None,
    s410=None,
)
def show_result(path: JobPath) -> Response:
    """Download the finished picture, in the format that its job asked for.

    Of a job that makes several files, the first.
    """
    job = find_job(path.job_id)
    if job.result_key is None and job.result_digest is not None:
        raise ResultPurged(f"the picture of job {job.id} is kept no longer")
    if job.result_key is None or job.result_digest is None:
        ended = job.state in TERMINAL
        hint = "there will be none" if ended else "wait until its state is succeeded"
        raise ResultNotReady(f"job {job.id} is {job.state}", hint=hint)
    data = current_services().storage.get(job.result_key)
    format_ = format_of_key(job.result_key)
    response = picture_answer(data, format_.media_type, job.result_digest, _FOREVER)
    name = f'inline; filename="impasto-{job.id}{format_.ending}"'
    response.headers["Content-Disposition"] = name
    return response


@get(blueprint, "/v1/jobs/<job_id>/outputs/<name>", s200="*/*", s404=None)
def show_output(path: OutputPath) -> Response:
    """Download one of the files of a job that makes several."""
    output = find_output(path.job_id, path.name)
    data = current_services().storage.get(output.key)
    response = picture_answer(data, output.media_type, output.digest, _FOREVER)
    name = f'inline; filename="{output.name}"'
    response.headers["Content-Disposition"] = name
    return response


@get(blueprint, "/v1/jobs/<job_id>/frames/latest", s200="image/jpeg", s404=None)
def show_latest_frame(path: JobPath) -> Response:
    """Look at the latest preview, at most 512 px long."""
    job = find_job(path.job_id)
    services = current_services()
    frame = jobs.latest_frame(services.database, job.id)
    if frame is None:
        hint = "the first comes seconds after a worker starts; explorations have none"
        raise NotFound(f"job {job.id} has no preview yet", hint=hint)
    data = services.storage.get(frame.key)
    etag = f"{frame.iteration}-{frame.created_at:.3f}"
    return picture_answer(data, "image/jpeg", etag, _ASK_AGAIN)


@get(blueprint, "/v1/assets/<asset_id>/content", s200="image/*", s404=None)
def show_asset(path: AssetPath) -> Response:
    """Look at an uploaded picture, as it was sent."""
    services = current_services()
    asset = find_asset(path.asset_id)
    data = services.storage.get(asset.key)
    return picture_answer(data, asset.media_type, asset.digest, _FOREVER)
