"""A new job, step by step: pictures checked, blobs stored, row committed, bell rung."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import TYPE_CHECKING

import structlog

from api.forms import JOB_FORM, received
from api.job_requests import job_request
from api.limits import check_room, one_decoder
from api.mask_checks import check_masks
from api.problems import PictureRefused
from api.replays import asked_by, current_once, recognize
from api.ringing import ring
from shared import images, jobs
from shared.errors import ImageTooLarge, ImageUnreadable
from shared.estimates import need_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from werkzeug.wrappers import Request

    from api.job_requests import JobRequest, Picture
    from api.services import Services

    Checked = tuple[Picture, images.PictureInfo]

log = structlog.get_logger(__name__)


def submit(services: Services, owner_id: str, request: Request) -> str:
    """Take a job and return its id; it is durable by then.

    Raises:
        InvalidParams: Values are wrong or missing, or masks cannot be used; all are
            named.
        PictureRefused: A file is not a picture we take.
        StorageFull: There is no room for the pictures.
        QueueFull: Too many jobs are waiting.
    """
    check_room(services)
    with received(request, services, JOB_FORM) as form:
        recognize(asked_by(form))
        wanted = job_request(form, services.database.time)
        checked = inspect_all(services, wanted.pictures)
        check_masks(services, checked)
        inputs = keep_all(services, owner_id, checked)
    return enqueue(services, _new_job(owner_id, wanted, inputs))


def inspect_all(services: Services, pictures: Sequence[Picture]) -> list[Checked]:
    """Check all pictures.

    Raises:
        PictureRefused: One is not a picture we take.
    """
    return [(one, _inspect(services, one)) for one in pictures]


def keep_all(
    services: Services, owner_id: str, checked: Sequence[Checked]
) -> tuple[jobs.Input, ...]:
    """Store pictures that have been checked.

    Raises:
        StorageFull: There is no room for them.
    """
    jobs.ensure_owner(services.database, owner_id)
    return tuple(_keep(services, owner_id, *one) for one in checked)


def enqueue(services: Services, new: jobs.NewJob) -> str:
    """Make the row, and ring for it; return the job's id.

    Raises:
        QueueFull: Too many jobs are waiting.
    """
    once = current_once()
    job_id = jobs.submit(services.database, new, limits_of(services), once)
    log.info("job_submitted", job_id=job_id, owner_id=new.owner_id)
    ring(services, job_id)
    return job_id


def _inspect(services: Services, picture: Picture) -> images.PictureInfo:
    data = picture.read()
    try:
        with one_decoder(services):
            return images.inspect(data, services.settings.max_pixels)
    except (ImageUnreadable, ImageTooLarge) as error:
        raise PictureRefused(picture.pointer, error) from error


def _keep(
    services: Services, owner_id: str, picture: Picture, info: images.PictureInfo
) -> jobs.Input:
    data = picture.read()
    digest = hashlib.sha256(data).hexdigest()
    asset = jobs.NewAsset(
        owner_id=owner_id,
        digest=digest,
        key=f"assets/{digest}",
        bytes=len(data),
        media_type=info.media_type,
        width=info.width,
        height=info.height,
    )
    services.storage.put(asset.key, data)  # blob before row
    asset_id = jobs.add_asset(services.database, asset)
    return jobs.Input(picture.role, picture.position, asset_id)


def _new_job(
    owner_id: str, wanted: JobRequest, inputs: tuple[jobs.Input, ...]
) -> jobs.NewJob:
    named: dict[str, dict[int, str]] = {}
    for one in inputs:
        named.setdefault(one.role, {})[one.position] = one.asset_id
    params = wanted.params.with_images(named)
    return jobs.NewJob(
        owner_id=owner_id,
        params=params,
        inputs=inputs,
        name=wanted.name,
        need_bytes=need_bytes(params),
        segments=wanted.segments,
        **asdict(wanted.options),
    )


def limits_of(services: Services) -> jobs.Limits:
    """How many jobs may wait here, and how often one is tried."""
    settings = services.settings
    return jobs.Limits(
        max_queued_per_owner=settings.max_queued_per_owner,
        max_queued=settings.max_queued,
        max_attempts=settings.max_attempts,
    )
