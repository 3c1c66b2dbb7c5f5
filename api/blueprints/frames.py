"""/v1/jobs/{id}/frames: small pictures of a job as it developed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, request

from api.answers import answer, cacheable, job_answer, picture_answer
from api.asset_presenters import asset_url, present_asset, present_frame
from api.asset_schemas import AssetObject, FrameList
from api.auth import current_owner_id
from api.creating import creates
from api.finding import FramePath, JobPath, find_asset, find_job
from api.openapi import get, make_blueprint, post
from api.presenters import frame_url, present
from api.promoting import keep_frame, render_again
from api.replays import recognize
from api.schemas import JobObject
from api.services import current_services
from api.verb_requests import require_no_body
from shared import jobs
from shared.errors import NotFound

if TYPE_CHECKING:
    from shared.models import Frame

blueprint = make_blueprint("frames", "Small pictures of jobs as they developed.")

_ASK_AGAIN = "private, no-cache"  # a job that goes on from before makes it once more


@get(blueprint, "/v1/jobs/<job_id>/frames", s200=FrameList, s404=None, s410=None)
def list_frames(path: JobPath) -> Response:
    """List the previews that are kept, evenly spread, in order."""
    database = current_services().database
    job = find_job(path.job_id)
    stored = {mark.iteration for mark in present(database, job).checkpoints}
    frames = jobs.frames_of(database, job.id)
    return cacheable(
        answer(FrameList(data=[present_frame(one, stored) for one in frames]))
    )


@get(blueprint, "/v1/jobs/<job_id>/frames/latest", s200="image/jpeg", s404=None)
def show_latest_frame(path: JobPath) -> Response:
    """Look at the latest preview, at most 512 px long."""
    job = find_job(path.job_id)
    frame = jobs.latest_frame(current_services().database, job.id)
    if frame is None:
        hint = "the first comes seconds after a worker starts; explorations have none"
        raise NotFound(f"job {job.id} has no preview yet", hint=hint)
    return _picture(frame)


@get(
    blueprint, "/v1/jobs/<job_id>/frames/<iteration>", s200="image/jpeg", s404=None,
    s410=None,
)  # fmt: skip
def show_frame(path: FramePath) -> Response:
    """Look at the preview of one iteration, at most 512 px long."""
    job = find_job(path.job_id)
    frame = jobs.get_frame(current_services().database, job.id, path.iteration)
    return _picture(frame)


@get(
    blueprint, "/v1/jobs/<job_id>/frames/<iteration>/thumb", s200="image/jpeg",
    s404=None, s410=None,
)  # fmt: skip
def show_thumb(path: FramePath) -> Response:
    """Look at the preview of one iteration, at most 160 px long."""
    job = find_job(path.job_id)
    frame = jobs.get_frame(current_services().database, job.id, path.iteration)
    return _picture(frame, frame.thumb_key, "-thumb")


@post(
    blueprint, "/v1/jobs/<job_id>/frames/<iteration>/promote", s200=AssetObject,
    s201=AssetObject, s202=JobObject, s400=None, s404=None, s409=None, s410=None,
    s413=None, s415=None, s429=None, s503=None,
)  # fmt: skip
@creates
def promote_frame(path: FramePath) -> Response:
    """Make a picture of its own of an iteration.

    Where it has a checkpoint, 202: a new job renders it in full size. Else 201: the
    preview is an asset now; 200: it was one before.
    """
    services, owner_id = current_services(), current_owner_id()
    job = find_job(path.job_id)
    require_no_body(request)
    recognize({}, f"{frame_url(job.id, path.iteration)}/promote")
    stored = {mark.iteration for mark in present(services.database, job).checkpoints}
    if path.iteration in stored:
        child_id = render_again(services, owner_id, job.id, path.iteration)
        return job_answer(present(services.database, find_job(child_id)), 202)
    frame = jobs.get_frame(services.database, job.id, path.iteration)
    kept = keep_frame(services, owner_id, frame)
    response = answer(
        present_asset(find_asset(kept.asset_id)), 201 if kept.is_new else 200
    )
    response.headers["Location"] = asset_url(kept.asset_id)
    return response


def _picture(frame: Frame, key: str | None = None, kind: str = "") -> Response:
    file = current_services().storage.open(key or frame.key)
    etag = f"{frame.iteration}-{frame.created_at:.3f}{kind}"
    name = f"impasto-{frame.job_id}-{frame.iteration}{kind}.jpg"
    return picture_answer(file, "image/jpeg", etag, _ASK_AGAIN, name)
