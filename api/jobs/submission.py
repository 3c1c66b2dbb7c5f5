"""Telling the workers that a job is due; whatever comes of it, the job waits.

A new job of pictures that were sent before: found, checked, its row committed.

A new job, step by step: pictures checked, blobs stored, row committed, bell rung.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Protocol

import structlog

from api.assets.service import find_asset
from api.assets.uploads import Stored, _inspected, keep_all
from api.http.json_body import json_object
from api.http.multipart import received
from api.idempotency import asked_by, current_once, recognize, require_room
from api.jobs.form_request import JOB_FORM, job_request, pictures_of
from api.jobs.json_request import stored_request
from api.jobs.masks import mask_errors
from api.jobs.work_digest import work_digest
from shared.errors import DatabaseUnavailable, FieldError, InvalidParams, NotFound
from shared.images.inspect import PictureInfo
from shared.jobs.submit import Input, Limits, NewJob, submit_or_reuse
from shared.maintenance.rescue import mark_notified
from shared.params.memory import need_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from werkzeug.wrappers import Request

    from api.assets.uploads import Picture
    from api.dependencies import Services
    from api.http.multipart import Form
    from api.jobs.form_request import JobRequest
    from api.jobs.json_request import StoredRequest
    from api.jobs.options import JobOptions
    from shared.db.models.assets import Asset
    from shared.jobs.submit import Submitted
    from shared.params.segments import Segment
    from shared.params.style import StyleParams
    from shared.storage.base import Storage

    Checked = tuple[Picture, PictureInfo]

log = structlog.get_logger(__name__)


def ring(services: Services, job_id: str) -> None:
    """Ring for a job whose row is committed."""
    if not services.doorbell.ring(job_id, None):
        return  # the reconciler will
    try:
        mark_notified(services.database, job_id)
    except DatabaseUnavailable:
        log.info("notification_mark_failed", job_id=job_id)  # it may ring twice: harmless


@dataclass(frozen=True, slots=True, eq=False)
class StoredPicture:
    """An asset in a role, as a file of a form would be."""

    role: str
    position: int
    pointer: str
    asset: Asset = field(repr=False)
    storage: Storage = field(repr=False)

    def read(self) -> bytes:
        """Read all of it."""
        return self.storage.get(self.asset.key or "")

    @property
    def is_content(self) -> bool:
        """Whether it is the photo."""
        return self.role == "content"

    @property
    def info(self) -> PictureInfo:
        """As it was found when it was sent."""
        asset = self.asset
        return PictureInfo(asset.media_type, asset.width, asset.height)


def submit_stored(services: Services, owner_id: str, request: Request) -> Submitted:
    """Take a job in JSON; it is durable by then.

    Raises:
        InvalidParams: Values are wrong or missing, pictures are not the caller's, or
            masks cannot be used; all are named.
        StorageFull: There is no room for its result.
        QueueFull: Too many jobs are waiting.
    """
    require_room(services)
    recognize(json_object(request))
    wanted = stored_request(request, services.database.time)
    params, pictures = checked_work(services, wanted)
    stored = [
        Stored(one.role, one.position, one.asset.id, one.asset.digest)
        for one in pictures
    ]
    return enqueue(services, new_job(owner_id, params, stored, wanted))


def checked_work(
    services: Services, wanted: StoredRequest
) -> tuple[StyleParams, list[StoredPicture]]:
    """Find the pictures of a request, and see that they go with its parameters.

    Raises:
        InvalidParams: Values are wrong or missing, pictures are not the caller's, or
            masks cannot be used; all are named.
    """
    pictures = _pictures(services, wanted)
    errors = wanted.errors
    errors += mask_errors(services, [(one, one.info) for one in pictures])
    if errors or wanted.params is None:
        raise InvalidParams(errors)
    return wanted.params, pictures


def _pictures(services: Services, wanted: StoredRequest) -> list[StoredPicture]:
    """Find the pictures; those that are not the caller's go to the errors."""
    found = []
    for ref in wanted.refs:
        try:
            asset = find_asset(ref.asset_id)
        except NotFound as error:
            detail = "is no picture of yours"
            wanted.errors.append(FieldError(ref.pointer, error.code, detail))
        else:
            pointer = ref.pointer.removesuffix("/asset_id")
            found.append(
                StoredPicture(ref.role, ref.position, pointer, asset, services.storage)
            )
    return found


class Wanted(Protocol):
    """What a request says of a job besides its parameters and pictures."""

    @property
    def name(self) -> str | None:
        """For people."""

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Planned changes."""

    @property
    def options(self) -> JobOptions:
        """How it is treated."""


def submit(services: Services, owner_id: str, request: Request) -> Submitted:
    """Take a job in a form, with its pictures; it is durable by then.

    Raises:
        InvalidParams: Values are wrong or missing, or masks cannot be used; all are
            named.
        PictureRefused: A file is not a picture we take.
        StorageFull: There is no room for the pictures.
        QueueFull: Too many jobs are waiting.
    """
    require_room(services)
    with received(request, services, JOB_FORM) as form:
        recognize(asked_by(form))
        wanted, checked = checked_form(services, form)
        stored = keep_all(services, owner_id, checked)
    return enqueue(services, new_job(owner_id, wanted.params, stored, wanted))


def checked_form(services: Services, form: Form) -> tuple[JobRequest, list[Checked]]:
    """Check all that a form says and all of its pictures.

    Raises:
        MalformedJson: A field that holds JSON does not.
        InvalidParams: Values are wrong or missing, or masks cannot be used; all are
            named, also pictures that we do not take.
        PictureRefused: There is nothing wrong but some of the pictures.
    """
    wanted: JobRequest | None = None
    errors: list[FieldError] = []
    try:
        wanted = job_request(form, services.database.time)
    except InvalidParams as error:
        errors += error.errors
    checked, refused = _inspected(services, pictures_of(form))
    errors += mask_errors(services, checked)
    if refused is not None and not errors:
        raise refused
    if refused is not None or wanted is None or errors:
        raise InvalidParams([*errors, *(refused.errors if refused else ())])
    return wanted, checked


def enqueue(services: Services, new: NewJob) -> Submitted:
    """Make the row, and ring for it; or find the job that may be taken for it.

    Raises:
        QueueFull: Too many jobs are waiting.
    """
    said = submit_or_reuse(services.database, new, limits_of(services), current_once())
    event = "job_reused" if said.reused else "job_submitted"
    log.info(event, job_id=said.job_id, owner_id=new.owner_id)
    if not said.reused:
        ring(services, said.job_id)
    return said


def new_job(
    owner_id: str, params: StyleParams, stored: Sequence[Stored], wanted: Wanted
) -> NewJob:
    """Put a style job together, whose pictures are the owner's by now."""
    named: dict[str, dict[int, str]] = {}
    for one in stored:
        named.setdefault(one.role, {})[one.position] = one.asset_id
    digests = {(one.role, one.position): one.digest for one in stored}
    return NewJob(
        owner_id=owner_id,
        params=params.with_images(named),
        inputs=tuple(Input(one.role, one.position, one.asset_id) for one in stored),
        name=wanted.name,
        need_bytes=need_bytes(params),
        segments=wanted.segments,
        params_digest=work_digest(params, wanted.segments, digests),
        **asdict(wanted.options),
    )


def limits_of(services: Services) -> Limits:
    """How many jobs may wait here, and how often one is tried."""
    settings = services.settings
    return Limits(
        max_queued_per_owner=settings.max_queued_per_owner,
        max_queued=settings.max_queued,
        max_attempts=settings.max_attempts,
    )
