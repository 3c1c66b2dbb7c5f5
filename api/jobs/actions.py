"""Actions on a job, such as cancel, pause, resume, fork and retry, and their bodies.

The module also reads the body of `PATCH /v1/jobs/{id}`, and promotes frames.
"""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING

from flask import Response, request

from api.assets.uploads import add_picture, make_upload
from api.auth.authenticate import current_owner_id
from api.dependencies import current_dependencies
from api.http.header_sets import JOB, TRACE
from api.http.json_body import (
    JSON,
    MERGE_PATCH,
    collect_body_errors,
    immutable_field_errors,
    null_field_errors,
    params_error,
    read_json_object,
    require_no_body,
    validate_body,
)
from api.http.routes import make_blueprint, post
from api.idempotency import (
    begin_idempotent_request,
    current_idempotent_request,
    idempotent,
)
from api.job_view.lookup import JobPath, find_job
from api.job_view.responses import job_response
from api.job_view.schemas import JobObject
from api.jobs.request_schemas import (
    NEVER_NULL,
    CancelBody,
    ChangeBody,
    ExtendBody,
    ForkBody,
    RetryBody,
)
from api.jobs.submission import notify_workers, submission_limits
from shared.errors import (
    FieldError,
    InvalidParams,
    PreconditionRequired,
    VersionMismatch,
)
from shared.jobs.actions import cancel, finish, pause, resume
from shared.jobs.deletion import cancel_and_purge_job
from shared.jobs.forks import ForkRequest, extend, fork, retry
from shared.jobs.steering import JobChange
from shared.params.segments import Changes
from shared.states import JobState
from shared.storage import delete_blobs

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Request

    from api.dependencies import Dependencies
    from shared.assets import StoredAsset
    from shared.db.database import Database
    from shared.db.models.jobs import Frame
    from shared.jobs.submit import SubmissionLimits
    from shared.states import ActionOutcome

_FORK_EXAMPLE = '{"from": {"iteration": 200}, "params": {"style_weight": 4}}'
_REVISION = re.compile(r"[0-9]{1,18}")
_PARAM_NAMES = set(Changes.model_fields)


def read_change(request: Request, now: Callable[[], float]) -> JobChange:
    """Read the merge patch of a job.

    Args:
        request: Request with the patch; its If-Match holds the expected revision.
        now: Function that reads the time of the database, in seconds since 1970;
            called only if a deadline is set.

    Raises:
        UnsupportedMediaType: The body is not JSON.
        MalformedJson: The body is not strict JSON.
        ImmutableField: The patch names a field that cannot change.
        InvalidParams: Values are wrong or unknown.
        PreconditionRequired: The patch changes parameters without If-Match.
        VersionMismatch: If-Match holds no revision.
    """
    body = read_json_object(request, (MERGE_PATCH, JSON))
    errors = immutable_field_errors(body, ChangeBody)
    errors += null_field_errors(body, NEVER_NULL)
    patch = collect_body_errors(body, ChangeBody, errors, now)
    if patch is None or errors:
        raise params_error(errors)
    params = Changes(**patch.model_dump(include=_PARAM_NAMES))
    revision = _expected_revision(request)
    if revision is None and params.to_json() and "If-Match" not in request.headers:
        raise PreconditionRequired("a change of parameters needs If-Match")
    attributes = patch.model_dump(
        mode="json",
        by_alias=True,
        exclude_unset=True,
        exclude=_PARAM_NAMES,
    )
    return JobChange(params, attributes, revision)


def read_fork(request: Request) -> ForkRequest:
    """Read the body of a fork: its checkpoint and its changes of parameters.

    Raises:
        ImmutableField: The body names a parameter that a fork cannot change.
        InvalidParams: Values are wrong, unknown or missing.
    """
    body = read_json_object(request)
    params_body, errors = body.get("params"), []
    if isinstance(params_body, dict):
        errors = immutable_field_errors(params_body, Changes, "/params")
        errors += null_field_errors(params_body, _PARAM_NAMES, "/params")
    fork_body = collect_body_errors(body, ForkBody, errors)
    if fork_body is None or errors:
        raise params_error(errors, hint=f"such as {_FORK_EXAMPLE}")
    changes = fork_body.params
    if fork_body.iterations is not None:
        if changes.iterations not in {None, fork_body.iterations}:
            contradiction = FieldError(
                "/iterations", "contradiction", "params says another"
            )
            raise InvalidParams([contradiction])
        changes = changes.model_copy(update={"iterations": fork_body.iterations})
    return ForkRequest(fork_body.origin.iteration, changes, fork_body.name)


def read_purge(request: Request) -> bool:
    """Read whether a cancel request also deletes the job.

    Raises:
        InvalidParams: The body has wrong or unknown values.
    """
    return validate_body(read_json_object(request), CancelBody).purge


def read_extension(request: Request) -> int:
    """Read the number of iterations that an extension adds.

    Raises:
        InvalidParams: The number is missing or wrong.
    """
    hint = 'how many more, such as {"iterations": 300}'
    return validate_body(read_json_object(request), ExtendBody, hint).iterations


def read_restart(request: Request) -> bool:
    """Read whether a retry restarts from iteration 0 instead of the checkpoint.

    Raises:
        InvalidParams: The body has wrong or unknown values.
    """
    return validate_body(read_json_object(request), RetryBody).origin == "start"


def _expected_revision(request: Request) -> int | None:
    """Read the revision of If-Match; None if it is `*` or missing.

    The ETag is refused: it also changes with progress, which does not conflict with a
    change.
    """
    header = request.headers.get("If-Match", "*").strip()
    if header == "*":
        return None
    number = header.strip('"')
    if not _REVISION.fullmatch(number):
        raise VersionMismatch(
            f"{header[:40]!r} is not the revision of a job",
            hint="send its member `revision` in quotes, not its ETag",
        )
    return int(number)


def render_checkpoint(
    dependencies: Dependencies, owner_id: str, job_id: str, iteration: int
) -> str:
    """Create a child job that only renders a checkpoint in full size; return its id.

    Raises:
        NoSuchCheckpoint: The checkpoint was deleted meanwhile.
        QueueFull: Too many jobs are waiting.
    """
    child_id = fork(
        dependencies.database,
        owner_id,
        job_id,
        ForkRequest(iteration, finish=True),
        submission_limits(dependencies),
        current_idempotent_request(),
    )
    notify_workers(dependencies, child_id)
    return child_id


def store_frame_as_asset(
    dependencies: Dependencies, owner_id: str, frame: Frame
) -> StoredAsset:
    """Store a frame as an asset of its owner.

    Raises:
        StorageFull: The storage is full.
    """
    upload = make_upload(BytesIO(dependencies.storage.get(frame.key)))
    return add_picture(dependencies, owner_id, upload)


blueprint = make_blueprint(
    "actions", "Actions on jobs; the state of a job decides which are possible."
)


@post(
    blueprint, "/v1/jobs/<job_id>/cancel", JOB, json=CancelBody, s200=JobObject,
    s202=JobObject, s204="",
)  # fmt: skip
def cancel_job(path: JobPath) -> Response:
    """Cancel a job: at once if it is queued, else at the next iteration.

    The files of the job are kept until their retention time is over. With `"purge":
    true` the job is deleted too. 204: it was deleted at once. 202: it is deleted as
    soon as its worker has released it.
    """
    find_job(path.job_id)
    if not read_purge(request):
        return _perform(path.job_id, cancel)
    dependencies, owner_id = current_dependencies(), current_owner_id()
    outcome, keys = cancel_and_purge_job(dependencies.database, owner_id, path.job_id)
    delete_blobs(dependencies.storage, keys)
    if outcome.done:
        return Response(status=204)
    return job_response(find_job(path.job_id), 202)


@post(blueprint, "/v1/jobs/<job_id>/pause", JOB, s200=JobObject, s202=JobObject)
def pause_job(path: JobPath) -> Response:
    """Pause a job: store a checkpoint, release the device, keep the queue place."""
    return _perform_without_body(path.job_id, pause)


@post(blueprint, "/v1/jobs/<job_id>/resume", JOB, s200=JobObject, s202=JobObject)
def resume_job(path: JobPath) -> Response:
    """Resume a paused job from its checkpoint."""
    return _perform_without_body(path.job_id, resume)


@post(blueprint, "/v1/jobs/<job_id>/finish", JOB, s200=JobObject, s202=JobObject)
def finish_job(path: JobPath) -> Response:
    """Finish a job early: it succeeds with the picture as it is now."""
    return _perform_without_body(path.job_id, finish)


@post(blueprint, "/v1/jobs/<job_id>/fork", JOB, TRACE, json=ForkBody, s202=JobObject)
@idempotent
def fork_job(path: JobPath) -> Response:
    """Fork a job: create a new one that continues a checkpoint with other weights."""
    _begin_child(path.job_id)
    fork_request = read_fork(request)

    def create(database: Database, owner_id: str, limits: SubmissionLimits) -> str:
        idempotent_request = current_idempotent_request()
        return fork(
            database, owner_id, path.job_id, fork_request, limits, idempotent_request
        )

    return _create_child(create)


@post(
    blueprint, "/v1/jobs/<job_id>/extend", JOB, TRACE, json=ExtendBody, s202=JobObject
)
@idempotent
def extend_job(path: JobPath) -> Response:
    """Extend a job that has succeeded: create a new one that adds iterations."""
    _begin_child(path.job_id)
    iterations = read_extension(request)

    def create(database: Database, owner_id: str, limits: SubmissionLimits) -> str:
        idempotent_request = current_idempotent_request()
        return extend(
            database, owner_id, path.job_id, iterations, limits, idempotent_request
        )

    return _create_child(create)


@post(blueprint, "/v1/jobs/<job_id>/retry", JOB, TRACE, json=RetryBody, s202=JobObject)
@idempotent
def retry_job(path: JobPath) -> Response:
    """Retry a job: create a new one that continues from its last checkpoint."""
    _begin_child(path.job_id)
    from_start = read_restart(request)

    def create(database: Database, owner_id: str, limits: SubmissionLimits) -> str:
        idempotent_request = current_idempotent_request()
        return retry(
            database,
            owner_id,
            path.job_id,
            limits,
            idempotent_request,
            from_start=from_start,
        )

    return _create_child(create)


def _perform_without_body(
    job_id: str, action: Callable[[Database, str, str], ActionOutcome]
) -> Response:
    find_job(job_id)
    require_no_body(request)
    return _perform(job_id, action)


def _perform(
    job_id: str, action: Callable[[Database, str, str], ActionOutcome]
) -> Response:
    dependencies = current_dependencies()
    outcome = action(dependencies.database, current_owner_id(), job_id)
    job = find_job(job_id)
    if job.state == JobState.QUEUED and not outcome.done:
        notify_workers(dependencies, job_id)
    return job_response(job, 200 if outcome.done else 202)


def _begin_child(job_id: str) -> None:
    """Find the parent job, and begin the idempotent request."""
    find_job(job_id)
    begin_idempotent_request(read_json_object(request))


def _create_child(create: Callable[[Database, str, SubmissionLimits], str]) -> Response:
    dependencies = current_dependencies()
    child_id = create(
        dependencies.database, current_owner_id(), submission_limits(dependencies)
    )
    notify_workers(dependencies, child_id)
    return job_response(find_job(child_id), 202)
