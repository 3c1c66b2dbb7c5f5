"""Views of /v1/jobs/{id}/frames: previews of a job, and their thumbnails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, request

from api.assets.schemas import AssetObject, FrameList
from api.assets.service import asset_url, find_asset, serialize_asset, serialize_frame
from api.auth.authenticate import current_owner_id
from api.dependencies import current_dependencies
from api.http.header_sets import ETAG, JOB, LOCATION, PICTURE
from api.http.json_body import require_no_body
from api.http.responses import (
    add_etag,
    file_stem,
    image_response,
    json_response,
)
from api.http.routes import get, make_blueprint, post
from api.idempotency import begin_idempotent_request, idempotent
from api.job_view.lookup import FramePath, JobPath, find_job
from api.job_view.responses import job_response
from api.job_view.schemas import JobObject
from api.job_view.serializer import frame_url, read_job_object
from api.jobs.actions import render_checkpoint, store_frame_as_asset
from shared.errors import NotFound
from shared.queries.jobs import get_frame, read_frames, read_latest_frame

if TYPE_CHECKING:
    from shared.db.models.jobs import Frame, Job

blueprint = make_blueprint("frames", "Previews of jobs, by iteration.")

_REVALIDATE = "private, no-cache"  # a resumed job may write the frame again


@get(blueprint, "/v1/jobs/<job_id>/frames", ETAG, s200=FrameList)
def list_frames(path: JobPath) -> Response:
    """List the stored previews of a job, evenly spread, in order of iteration."""
    database = current_dependencies().database
    job = find_job(path.job_id)
    checkpoints = read_job_object(database, job).checkpoints
    promote_urls = {row.iteration: row.promote_url for row in checkpoints}
    frames = read_frames(database, job.id)
    return add_etag(
        json_response(
            FrameList(data=[serialize_frame(frame, promote_urls) for frame in frames])
        )
    )


@get(blueprint, "/v1/jobs/<job_id>/frames/latest", *PICTURE, s200="image/jpeg")
def show_latest_frame(path: JobPath) -> Response:
    """Get the latest preview, at most 512 px long."""
    job = find_job(path.job_id)
    frame = read_latest_frame(current_dependencies().database, job.id)
    if frame is None:
        hint = "the first comes seconds after a worker starts; explorations have none"
        raise NotFound(f"job {job.id} has no preview yet", hint=hint)
    return _frame_response(job, frame)


@get(blueprint, "/v1/jobs/<job_id>/frames/<iteration>", *PICTURE, s200="image/jpeg")
def show_frame(path: FramePath) -> Response:
    """Get the preview of one iteration, at most 512 px long."""
    job = find_job(path.job_id)
    frame = get_frame(current_dependencies().database, job.id, path.iteration)
    return _frame_response(job, frame)


@get(
    blueprint, "/v1/jobs/<job_id>/frames/<iteration>/thumb", *PICTURE,
    s200="image/jpeg",
)  # fmt: skip
def show_thumb(path: FramePath) -> Response:
    """Get the thumbnail of one iteration, at most 320 px long."""
    job = find_job(path.job_id)
    frame = get_frame(current_dependencies().database, job.id, path.iteration)
    return _frame_response(job, frame, frame.thumb_key, "-thumb")


@post(
    blueprint, "/v1/jobs/<job_id>/frames/<iteration>/promote", JOB, LOCATION,
    s200=AssetObject, s201=AssetObject, s202=JobObject,
)  # fmt: skip
@idempotent
def promote_frame(path: FramePath) -> Response:
    """Promote an iteration: render it in full size, or store its preview as an asset.

    202: the iteration has a checkpoint, and a new job renders it in full size. 201:
        there is no checkpoint, and the preview is a new asset. 200: the preview was an
        asset before.
    """
    dependencies, owner_id = current_dependencies(), current_owner_id()
    job = find_job(path.job_id)
    require_no_body(request)
    begin_idempotent_request({}, f"{frame_url(job.id, path.iteration)}/promote")
    checkpoints = {
        checkpoint.iteration
        for checkpoint in read_job_object(dependencies.database, job).checkpoints
    }
    if path.iteration in checkpoints:
        child_id = render_checkpoint(dependencies, owner_id, job.id, path.iteration)
        return job_response(find_job(child_id), 202)
    frame = get_frame(dependencies.database, job.id, path.iteration)
    asset = store_frame_as_asset(dependencies, owner_id, frame)
    response = json_response(
        serialize_asset(find_asset(asset.id)), 201 if asset.is_new else 200
    )
    response.headers["Location"] = asset_url(asset.id)
    return response


def _frame_response(
    job: Job, frame: Frame, key: str | None = None, suffix: str = ""
) -> Response:
    file = current_dependencies().storage.open(key or frame.key)
    etag = f"{frame.iteration}-{frame.created_at:.3f}{suffix}"
    name = f"{file_stem(job.name, job.id)}-{frame.iteration}{suffix}.jpg"
    return image_response(file, "image/jpeg", etag, _REVALIDATE, name)
