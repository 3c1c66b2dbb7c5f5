"""/v1/jobs/{id}/frames: small pictures of a job as it developed.

Thumbnails inside of preview events, for who would fetch each of them anyway.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from flask import Response, request

from api.assets.schemas import AssetObject, FrameList
from api.assets.service import asset_url, find_asset, present_asset, present_frame
from api.auth.authenticate import current_owner_id
from api.dependencies import current_services
from api.http.json_body import require_no_body
from api.http.responses import answer, cacheable, picture_answer
from api.http.routes import get, make_blueprint, post
from api.idempotency import creates, recognize
from api.job_view.lookup import FramePath, JobPath, find_job
from api.job_view.responses import job_answer
from api.job_view.schemas import JobObject
from api.job_view.serializer import frame_url, present
from api.jobs.actions import keep_frame, render_again
from shared.errors import NotFound, StorageError
from shared.queries.jobs import frames_of, get_frame, latest_frame

if TYPE_CHECKING:
    from api.watch.message import News
    from shared.db.models.jobs import Frame
    from shared.storage.base import Storage

blueprint = make_blueprint("frames", "Small pictures of jobs as they developed.")

_ASK_AGAIN = "private, no-cache"  # a job that goes on from before makes it once more


@get(blueprint, "/v1/jobs/<job_id>/frames", s200=FrameList, s404=None, s410=None)
def list_frames(path: JobPath) -> Response:
    """List the previews that are kept, evenly spread, in order."""
    database = current_services().database
    job = find_job(path.job_id)
    stored = {mark.iteration for mark in present(database, job).checkpoints}
    frames = frames_of(database, job.id)
    return cacheable(
        answer(FrameList(data=[present_frame(one, stored) for one in frames]))
    )


@get(blueprint, "/v1/jobs/<job_id>/frames/latest", s200="image/jpeg", s404=None)
def show_latest_frame(path: JobPath) -> Response:
    """Look at the latest preview, at most 512 px long."""
    job = find_job(path.job_id)
    frame = latest_frame(current_services().database, job.id)
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
    frame = get_frame(current_services().database, job.id, path.iteration)
    return _picture(frame)


@get(
    blueprint, "/v1/jobs/<job_id>/frames/<iteration>/thumb", s200="image/jpeg",
    s404=None, s410=None,
)  # fmt: skip
def show_thumb(path: FramePath) -> Response:
    """Look at the preview of one iteration, at most 160 px long."""
    job = find_job(path.job_id)
    frame = get_frame(current_services().database, job.id, path.iteration)
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
    frame = get_frame(services.database, job.id, path.iteration)
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


MAX_THUMB_BYTES = 32 * 1024  # 160 px as JPEG have a quarter of that; then base64
_MEDIA_TYPE = "image/jpeg"  # as workers make them


def with_thumb(storage: Storage, news: News) -> str:
    """Return the data of a preview event with its thumbnail in it.

    `preview.thumb` is null where it is too large for an event or gone by now: a newer
    one follows, and `thumb_url` stays.
    """
    told = json.loads(news.data)
    told["preview"]["thumb"] = _thumb(storage, news.thumb_key)
    return json.dumps(told, separators=(",", ":"))


def _thumb(storage: Storage, key: str | None) -> dict[str, str] | None:
    if key is None:
        return None
    try:
        data = storage.get(key)
    except StorageError:
        return None
    if len(data) > MAX_THUMB_BYTES:
        return None
    return {"media_type": _MEDIA_TYPE, "base64": base64.b64encode(data).decode()}
