"""Submission of jobs: check everything, store blobs, commit the row, notify workers."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import structlog

from api.assets.uploads import store_picture
from api.http.json_body import collect_body_errors
from api.http.multipart import CURL_AS_JSON, FormSpec
from api.idempotency import current_idempotent_request, require_free_space
from api.jobs.job_pictures import (
    JobPicture,
    PictureName,
    check_label_maps,
    check_masks,
    find_pictures,
)
from api.jobs.request_schemas import JobForm, JobOptions, JobRequest
from api.jobs.submission_content import SubmissionContent, read_submission
from shared.assets import remove_asset
from shared.errors import DatabaseUnavailable, FieldError, ImpastoError
from shared.jobs.submit import (
    NewJob,
    NewJobInput,
    SubmissionLimits,
    SubmittedJob,
    find_place,
    submit_job,
)
from shared.maintenance.rescue import mark_notified
from shared.params.explore import ExploreParams
from shared.params.memory import explore_need_bytes, need_bytes
from shared.params.style import (
    MAX_STYLES,
    PICTURE_ROLES,
    STYLE_ROLES,
    StyleParams,
)
from shared.storage import delete_blobs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from werkzeug.datastructures import FileStorage
    from werkzeug.wrappers import Request

    from api.assets.uploads import UploadedPicture
    from api.dependencies import Dependencies
    from api.http.multipart import Form
    from shared.params.kinds import Params
    from shared.params.segments import Segment

log = structlog.get_logger(__name__)

JOB_FORM = FormSpec(
    "a job",
    JobForm,
    "curl -F content=@photo.jpg -F style=@painting.jpg ...",
    f"{CURL_AS_JSON} -d "
    """'{"content": {"asset_id": "..."}, "styles": [{"image": {...}}]}'""",
    takes_asset_ids=True,
)


@dataclass(frozen=True, slots=True)
class CheckedSubmission:
    """Valid submission, with valid pictures, that can be stored.

    Attributes:
        request: Options and parameters.
        pictures: Pictures; those without an asset are among the uploads.
        uploads: Uploaded files by SHA-256, in hex.
    """

    request: JobOptions
    pictures: Sequence[JobPicture]
    uploads: Mapping[str, UploadedPicture]

    @property
    def params(self) -> Params:
        """Parameters of the job, without the ids of new assets."""
        params: Params = self.request.job_params()
        return params

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Planned changes of parameters."""
        return self.request.segments if isinstance(self.request, JobRequest) else ()

    def work_digest(self) -> str:
        """Return a digest of everything that determines the result.

        Jobs with the same digest have the same result.
        """
        work = {
            "version": version("impasto"),  # of the engine, which names its weights
            "params": params_without_asset_ids(self.params),
            "segments": [
                [segment.from_iteration, segment.changes.to_json()]
                for segment in self.segments
            ],
            "pictures": sorted(
                [picture.role, picture.position, picture.digest]
                for picture in self.pictures
            ),
        }
        text = json.dumps(work, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def params_without_asset_ids(params: Params) -> dict[str, Any]:
    """Return parameters as JSON without the asset ids, which differ between farms."""
    pictures = {*PICTURE_ROLES, "styles", "pictures"}
    body = params.model_dump(mode="json", exclude=pictures)
    if isinstance(params, StyleParams):
        body["styles"] = [{"weight": style.weight} for style in params.styles]
    return body


def submit_style_job(
    dependencies: Dependencies, owner_id: str, request: Request
) -> SubmittedJob:
    """Submit a job from a form or JSON; its row is committed on return.

    Raises:
        InvalidParams: Values are wrong or missing, pictures belong to another owner, or
            masks cannot be used; lists all errors.
        InvalidImages: Only pictures are wrong.
        StorageFull: The storage has no space for pictures.
        QueueFull: Too many jobs are waiting.
    """
    require_free_space(dependencies)
    with check_style_job(dependencies, owner_id, request) as checked:
        return store_and_enqueue(dependencies, owner_id, checked)


@contextmanager
def check_style_job(
    dependencies: Dependencies, owner_id: str, request: Request
) -> Iterator[CheckedSubmission]:
    """Check a submission, and close its files at the end of the block.

    Raises the errors of `submit_style_job` about the content of the submission.
    """
    with read_submission(
        request, dependencies, JOB_FORM, JobRequest, _place_files
    ) as content:
        errors: list[FieldError] = []
        job = collect_body_errors(
            content.body, JobRequest, errors, dependencies.database.time
        )
        names = list(_picture_names(content.body))
        pictures, unknown, refused = find_pictures(
            dependencies, owner_id, names, content.uploads
        )
        errors += unknown
        errors += check_masks(dependencies, owner_id, pictures)
        params = job and job.job_params()
        errors += check_label_maps(dependencies, owner_id, params, pictures, names)
        job = content.require_valid(job, errors, refused)
        yield CheckedSubmission(job, pictures, content.uploads)


def _place_files(content: SubmissionContent, form: Form) -> None:
    """Write the names of the files of a form into the body, as JSON names assets."""
    for part in PICTURE_ROLES:
        for file in form.pictures[part][:1]:
            name = content.add_file(file, f"/{part}", part)
            content.body[part] = {"asset_id": name}
    _place_styles(content, form.pictures["style"][:MAX_STYLES])
    styles = content.body.get("styles", content.body.get("params", {}).get("styles"))
    for role in STYLE_ROLES:
        if isinstance(styles, list):
            _place_files_of_styles(content, form, role, styles)


def _place_styles(content: SubmissionContent, files: list[FileStorage | str]) -> None:
    """Write the names of the paintings into the styles without an image, in order."""
    styles = content.body.get("params", {}).get("styles")
    if styles is None:
        content.pointers["/styles"] = "/style"
        if files:
            styles = content.body["styles"] = [{} for _ in files]
    if not isinstance(styles, list):
        return
    empty = [
        (position, style)
        for position, style in enumerate(styles)
        if isinstance(style, dict) and style.get("image") is None
    ]
    if len(files) > len(empty):
        detail = f"{len(empty)} entries without an image for {len(files)} style file(s)"
        content.errors.append(FieldError("/params/styles", "length", detail))
    for number, (file, (position, style)) in enumerate(zip(files, empty, strict=False)):
        name = content.add_file(file, f"/styles/{position}/image", f"style/{number}")
        style["image"] = {"asset_id": name}


def _place_files_of_styles(
    content: SubmissionContent, form: Form, role: str, styles: list[Any]
) -> None:
    """Write the names of masks, regions or label maps into the styles of the body."""
    for position in range(MAX_STYLES):
        part = f"{role}_{position}"
        for file in form.pictures[part][:1]:
            style = styles[position] if position < len(styles) else None
            if style is None:
                detail = (
                    f"belongs to style {position}, counted from 0, of {len(styles)}"
                )
                content.errors.append(FieldError(f"/{part}", "unused", detail))
            elif isinstance(style, dict) and style.get(role) is not None:
                detail = "is given twice: also in params"
                content.errors.append(FieldError(f"/{part}", "repeated", detail))
            elif isinstance(style, dict):
                name = content.add_file(file, f"/styles/{position}/{role}", part)
                style[role] = {"asset_id": name}


def _picture_names(body: Mapping[str, Any]) -> Iterator[PictureName]:
    """Yield the valid names of pictures in a body."""
    places = [(role, 0, f"/{role}", body.get(role)) for role in PICTURE_ROLES]
    styles = body.get("styles")
    styles = styles[:MAX_STYLES] if isinstance(styles, list) else []
    for position, style in enumerate(styles):
        for member in ("image", *STYLE_ROLES) if isinstance(style, dict) else ():
            role = "style" if member == "image" else member
            pointer = f"/styles/{position}/{member}"
            places.append((role, position, pointer, style.get(member)))
    for role, position, pointer, reference in places:
        name = reference.get("asset_id") if isinstance(reference, dict) else None
        if isinstance(name, str):
            yield PictureName(role, position, f"{pointer}/asset_id", name)


def store_and_enqueue(
    dependencies: Dependencies, owner_id: str, checked: CheckedSubmission
) -> SubmittedJob:
    """Store the uploads and the job, and notify the workers; or find an equal job.

    Nothing is stored if an equal job is reused or the job is refused.

    Raises:
        StorageFull: The storage has no space for the pictures.
        QueueFull: Too many jobs are waiting.
    """
    database, limits = dependencies.database, submission_limits(dependencies)
    digest, reuse = checked.work_digest(), checked.request.reuse
    submitted = find_place(database, owner_id, digest, reuse, limits)
    if submitted is None:
        with _undone_if_refused(dependencies, owner_id) as new_asset_ids:
            inputs = _store_pictures(dependencies, owner_id, checked, new_asset_ids)
            new_job = NewJob(
                owner_id=owner_id,
                params=_with_assets(checked.params, inputs),
                inputs=inputs,
                need_bytes=_need_bytes(checked.params),
                segments=checked.segments,
                params_digest=digest,
                reuse=reuse,
                options=checked.request.columns(),
            )
            submitted = submit_job(
                database, new_job, limits, current_idempotent_request()
            )
    event = "job_reused" if submitted.reused else "job_submitted"
    log.info(event, job_id=submitted.job_id, owner_id=owner_id)
    if not submitted.reused:
        notify_workers(dependencies, submitted.job_id)
    return submitted


@contextmanager
def _undone_if_refused(
    dependencies: Dependencies, owner_id: str
) -> Iterator[list[str]]:
    """Delete the assets in the list if the job is refused in the block.

    Reasons are a full storage, a full queue, or a picture that was deleted meanwhile.
    If the database is unreachable, nothing is deleted, since the job may be committed.
    """
    new_asset_ids: list[str] = []
    try:
        yield new_asset_ids
    except DatabaseUnavailable:
        raise
    except ImpastoError:
        for asset_id in new_asset_ids:
            with suppress(ImpastoError):  # another request may use the asset now
                key = remove_asset(dependencies.database, owner_id, asset_id)
                delete_blobs(dependencies.storage, [key] if key else [])
        raise


def _store_pictures(
    dependencies: Dependencies,
    owner_id: str,
    checked: CheckedSubmission,
    new_asset_ids: list[str],
) -> tuple[NewJobInput, ...]:
    """Store the uploads among the pictures; return all pictures as inputs of a job.

    Ids of new assets are added to `new_asset_ids`.
    """
    inputs = []
    for picture in checked.pictures:
        asset_id = picture.asset_id
        if asset_id is None:
            upload = checked.uploads[picture.digest]
            stored = store_picture(dependencies, owner_id, upload, picture.info)
            new_asset_ids += [stored.id] if stored.is_new else []
            asset_id = stored.id
        inputs.append(NewJobInput(picture.role, picture.position, asset_id))
    return tuple(inputs)


def _with_assets(params: Params, inputs: Sequence[NewJobInput]) -> Params:
    if isinstance(params, ExploreParams):
        return params.with_pictures([job_input.asset_id for job_input in inputs])
    asset_ids: dict[str, dict[int, str]] = {}
    for job_input in inputs:
        ids_by_position = asset_ids.setdefault(job_input.role, {})
        ids_by_position[job_input.position] = job_input.asset_id
    return params.with_images(asset_ids)


def _need_bytes(params: Params) -> int:
    if isinstance(params, ExploreParams):
        return explore_need_bytes(params)
    return need_bytes(params)


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


def submission_limits(dependencies: Dependencies) -> SubmissionLimits:
    """Return the limits of the settings: queued jobs and attempts per job."""
    settings = dependencies.settings
    return SubmissionLimits(
        max_queued_per_owner=settings.max_queued_per_owner,
        max_queued=settings.max_queued,
        max_attempts=settings.max_attempts,
    )
