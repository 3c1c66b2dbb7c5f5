"""Submission of jobs: inspect pictures, store blobs, commit the row, notify workers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Protocol

import structlog

from api.assets.service import find_asset
from api.assets.uploads import InputAsset, store_pictures, try_inspect_pictures
from api.http.json_body import read_json_object
from api.http.multipart import read_form
from api.idempotency import (
    begin_idempotent_request,
    canonical_form,
    current_idempotent_request,
    require_free_space,
)
from api.jobs.form_submission import JOB_FORM, form_pictures, read_form_submission
from api.jobs.json_submission import read_json_submission
from api.jobs.label_maps import check_label_maps
from api.jobs.masks import check_masks
from api.jobs.work_digest import work_digest
from shared.errors import DatabaseUnavailable, FieldError, InvalidParams, NotFound
from shared.images.inspect import ImageInfo
from shared.jobs.submit import NewJob, NewJobInput, SubmissionLimits, submit_job
from shared.maintenance.rescue import mark_notified
from shared.params.memory import need_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from werkzeug.wrappers import Request

    from api.assets.uploads import InspectedPicture
    from api.dependencies import Dependencies
    from api.http.multipart import Form
    from api.jobs.form_submission import FormSubmission
    from api.jobs.json_submission import JsonSubmission
    from api.jobs.options import JobOptions
    from shared.db.models.assets import Asset
    from shared.jobs.submit import SubmittedJob
    from shared.params.segments import Segment
    from shared.params.style import StyleParams
    from shared.storage.base import Storage

log = structlog.get_logger(__name__)


def notify_workers(dependencies: Dependencies, job_id: str) -> None:
    """Notify the workers of a job whose row is committed.

    If that fails, the job still waits in the database, and maintenance notifies again.
    """
    if not dependencies.notifier.notify(job_id, None):
        return
    try:
        mark_notified(dependencies.database, job_id)
    except DatabaseUnavailable:
        # Workers may be notified twice, which is harmless.
        log.info("notification_mark_failed", job_id=job_id)


@dataclass(frozen=True, slots=True, eq=False)
class AssetPicture:
    """Asset as a picture of a new job: the counterpart of an uploaded picture."""

    role: str
    position: int
    pointer: str
    asset: Asset = field(repr=False)
    storage: Storage = field(repr=False)

    def read(self) -> bytes:
        """Return all of its bytes."""
        return self.storage.get(self.asset.key or "")

    @property
    def is_content(self) -> bool:
        """Whether this is the content picture."""
        return self.role == "content"

    @property
    def info(self) -> ImageInfo:
        """Media type and size that the inspection found at upload."""
        asset = self.asset
        return ImageInfo(asset.media_type, asset.width, asset.height)


def submit_json(
    dependencies: Dependencies, owner_id: str, request: Request
) -> SubmittedJob:
    """Submit a job in JSON whose pictures are assets; it is durable on return.

    Raises:
        InvalidParams: Values are wrong or missing, pictures are not the caller's, or
            masks cannot be used; all are named.
        StorageFull: The storage has no space for its result.
        QueueFull: Too many jobs are waiting.
    """
    require_free_space(dependencies)
    begin_idempotent_request(read_json_object(request))
    submission = read_json_submission(request, dependencies.database.time)
    params, pictures = validate_json_submission(dependencies, owner_id, submission)
    inputs = [
        InputAsset(
            picture.role, picture.position, picture.asset.id, picture.asset.digest
        )
        for picture in pictures
    ]
    return enqueue(dependencies, build_job(owner_id, params, inputs, submission))


def validate_json_submission(
    dependencies: Dependencies, owner_id: str, submission: JsonSubmission
) -> tuple[StyleParams, list[AssetPicture]]:
    """Find the assets of a submission, and check its parameters and masks.

    Raises:
        InvalidParams: Values are wrong or missing, pictures are not the caller's, or
            masks cannot be used; all are named.
    """
    pictures = _find_pictures(dependencies, submission)
    errors = submission.errors
    errors += check_masks(
        dependencies, owner_id, [(picture, picture.info) for picture in pictures]
    )
    sent_roles = [reference.role for reference in submission.references]
    errors += check_label_maps(
        dependencies, owner_id, submission.params, pictures, sent_roles
    )
    if errors or submission.params is None:
        raise InvalidParams(errors)
    return submission.params, pictures


def _find_pictures(
    dependencies: Dependencies, submission: JsonSubmission
) -> list[AssetPicture]:
    """Find the assets; those that the caller does not own are added to the errors."""
    pictures = []
    for reference in submission.references:
        try:
            asset = find_asset(reference.asset_id)
        except NotFound as error:
            detail = "is no picture of yours"
            submission.errors.append(FieldError(reference.pointer, error.code, detail))
        else:
            pointer = reference.pointer.removesuffix("/asset_id")
            pictures.append(
                AssetPicture(
                    reference.role,
                    reference.position,
                    pointer,
                    asset,
                    dependencies.storage,
                )
            )
    return pictures


class SubmissionRequest(Protocol):
    """Fields of a submission, form or JSON, besides its parameters and pictures."""

    @property
    def name(self) -> str | None:
        """Name of the job, for people."""

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Planned changes of parameters."""

    @property
    def options(self) -> JobOptions:
        """Options of the job, such as its priority."""


def submit_form(
    dependencies: Dependencies, owner_id: str, request: Request
) -> SubmittedJob:
    """Submit a job as a form with its pictures; it is durable on return.

    Raises:
        InvalidParams: Values are wrong or missing, or masks cannot be used; all are
            named.
        PictureRefused: Some pictures cannot be used.
        StorageFull: The storage has no space for the pictures.
        QueueFull: Too many jobs are waiting.
    """
    require_free_space(dependencies)
    with read_form(request, dependencies, JOB_FORM) as form:
        begin_idempotent_request(canonical_form(form))
        submission, pictures = validate_form_submission(dependencies, owner_id, form)
        inputs = store_pictures(dependencies, owner_id, pictures)
    return enqueue(
        dependencies, build_job(owner_id, submission.params, inputs, submission)
    )


def validate_form_submission(
    dependencies: Dependencies, owner_id: str, form: Form
) -> tuple[FormSubmission, list[InspectedPicture]]:
    """Validate the fields of a form, and inspect its pictures and masks.

    Raises:
        MalformedJson: A JSON field is not strict JSON.
        InvalidParams: Values are wrong or missing, or masks cannot be used; all are
            named, also pictures that cannot be used.
        PictureRefused: Only pictures are wrong.
    """
    submission: FormSubmission | None = None
    errors: list[FieldError] = []
    try:
        submission = read_form_submission(form, dependencies.database.time)
    except InvalidParams as error:
        errors += error.errors
    pictures, refused = try_inspect_pictures(
        dependencies, owner_id, form_pictures(form)
    )
    errors += check_masks(dependencies, owner_id, pictures)
    errors += check_label_maps(
        dependencies,
        owner_id,
        submission.params if submission else None,
        [picture for picture, _ in pictures],
        [picture.role for picture in form_pictures(form)],
    )
    if refused is not None and not errors:
        raise refused
    if refused is not None or submission is None or errors:
        raise InvalidParams([*errors, *(refused.errors if refused else ())])
    return submission, pictures


def enqueue(dependencies: Dependencies, job: NewJob) -> SubmittedJob:
    """Insert the job and notify the workers, or find an equal job to reuse.

    Raises:
        QueueFull: Too many jobs are waiting.
    """
    submitted = submit_job(
        dependencies.database,
        job,
        submission_limits(dependencies),
        current_idempotent_request(),
    )
    event = "job_reused" if submitted.reused else "job_submitted"
    log.info(event, job_id=submitted.job_id, owner_id=job.owner_id)
    if not submitted.reused:
        notify_workers(dependencies, submitted.job_id)
    return submitted


def build_job(
    owner_id: str,
    params: StyleParams,
    inputs: Sequence[InputAsset],
    request: SubmissionRequest,
) -> NewJob:
    """Build the new style job of a validated submission from its assets."""
    asset_ids: dict[str, dict[int, str]] = {}
    for asset in inputs:
        asset_ids.setdefault(asset.role, {})[asset.position] = asset.asset_id
    digests = {(asset.role, asset.position): asset.digest for asset in inputs}
    return NewJob(
        owner_id=owner_id,
        params=params.with_images(asset_ids),
        inputs=tuple(
            NewJobInput(asset.role, asset.position, asset.asset_id) for asset in inputs
        ),
        name=request.name,
        need_bytes=need_bytes(params),
        segments=request.segments,
        params_digest=work_digest(params, request.segments, digests),
        **asdict(request.options),
    )


def submission_limits(dependencies: Dependencies) -> SubmissionLimits:
    """Return the limits of the settings: queued jobs and attempts per job."""
    settings = dependencies.settings
    return SubmissionLimits(
        max_queued_per_owner=settings.max_queued_per_owner,
        max_queued=settings.max_queued,
        max_attempts=settings.max_attempts,
    )
