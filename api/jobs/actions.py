"""From the requests of the verbs to what `shared.jobs` is asked to do.

A moment of a job becomes a picture of its own: in full size, or as it was shown.

/v1/jobs/{id}/...: what may be asked of a job, by its state.
"""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING, Any

from flask import Response, request
from werkzeug.datastructures import FileStorage

from api.assets.service import drop_blobs
from api.assets.uploads import Picture, Stored, inspect_all, keep_all
from api.auth.authenticate import current_owner_id
from api.dependencies import current_services
from api.http.json_body import (
    JSON,
    MERGE_PATCH,
    gathered,
    immutable,
    json_object,
    read_body,
    refusal,
    require_no_body,
    taken_away,
)
from api.http.routes import make_blueprint, post
from api.http.validation import clean_name, sound
from api.idempotency import creates, current_once, recognize
from api.job_view.etag import Mark
from api.job_view.lookup import JobPath, find_job
from api.job_view.responses import job_answer
from api.job_view.schemas import PRIORITIES, JobObject
from api.job_view.serializer import present
from api.jobs.options import deadline, distinct
from api.jobs.request_schemas import (
    CancelBody,
    ChangeBody,
    ExtendBody,
    ForkBody,
    RetryBody,
)
from api.jobs.submission import limits_of, ring
from shared.errors import (
    FieldError,
    InvalidParams,
    PreconditionRequired,
    VersionMismatch,
)
from shared.jobs.actions import cancel, finish, pause, resume
from shared.jobs.deletion import cancel_and_purge
from shared.jobs.forks import Fork, extend, fork, retry
from shared.jobs.forks import fork as fork_from
from shared.jobs.steering import Change
from shared.params.segments import Changes
from shared.states import JobState

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Request

    from api.dependencies import Services
    from shared.db.database import Database
    from shared.db.models.jobs import Frame
    from shared.jobs.submit import Limits
    from shared.states import Answer

_FORK = '{"from": {"iteration": 200}, "params": {"style_weight": 4}}'
_REVISION = re.compile(r"[0-9]{1,18}")
_PARAMS = set(Changes.model_fields)


def change_request(request: Request, now: Callable[[], float]) -> Change:
    """Read a merge patch of a job.

    Args:
        request: Its body; If-Match holds the revision that its sender has seen.
        now: Of the database, in seconds; asked for only if a time is relative.

    Raises:
        UnsupportedMediaType: The body is no JSON.
        MalformedJson: It is not strict JSON.
        ImmutableField: It names what cannot change.
        InvalidParams: Values are wrong or unknown.
        PreconditionRequired: It changes parameters of a job not said to be seen.
        VersionMismatch: The revision is not one.
    """
    said = json_object(request, (MERGE_PATCH, JSON))
    errors = immutable(said, ChangeBody)
    errors += taken_away(said, {*_PARAMS, "priority", "tags", "metadata"})
    body = gathered(said, ChangeBody, errors)
    about = _about(read_body(sound(said, errors), ChangeBody), now, errors)
    if body is None or errors:
        raise refusal(errors)
    params = Changes(**body.model_dump(include=_PARAMS))
    revision = _revision(request)
    if revision is None and params.stored() and "If-Match" not in request.headers:
        raise PreconditionRequired("a change of parameters needs If-Match")
    return Change(params, about, revision)


def fork_request(request: Request) -> Fork:
    """Read where a fork begins, and what is different from there on.

    Raises:
        ImmutableField: It names what a fork cannot change.
        InvalidParams: Values are wrong, unknown or missing.
    """
    said = json_object(request)
    inner, errors = said.get("params"), []
    if isinstance(inner, dict):
        errors = immutable(inner, Changes, "/params")
        errors += taken_away(inner, _PARAMS, "/params")
    body = gathered(said, ForkBody, errors)
    name = None if body is None else clean_name(body.name or "", errors)
    if body is None or errors:
        raise refusal(errors, hint=f"such as {_FORK}")
    changes = body.params
    if body.iterations is not None:
        if changes.iterations not in {None, body.iterations}:
            wrong = FieldError("/iterations", "contradiction", "params says another")
            raise InvalidParams([wrong])
        changes = changes.model_copy(update={"iterations": body.iterations})
    return Fork(body.origin.iteration, changes, name)


def wants_purge(request: Request) -> bool:
    """Read whether a canceled job shall be deleted too.

    Raises:
        InvalidParams: It says something else.
    """
    return read_body(json_object(request), CancelBody).purge


def extend_request(request: Request) -> int:
    """Read how many iterations an extension adds.

    Raises:
        InvalidParams: It does not say.
    """
    hint = 'how many more, such as {"iterations": 300}'
    return read_body(json_object(request), ExtendBody, hint).iterations


def starts_anew(request: Request) -> bool:
    """Read whether a retry leaves the checkpoint alone.

    Raises:
        InvalidParams: It says something else.
    """
    return read_body(json_object(request), RetryBody).origin == "start"


def _about(
    body: ChangeBody, now: Callable[[], float], errors: list[FieldError]
) -> dict[str, Any]:
    about: dict[str, Any] = {}
    if "name" in body.model_fields_set:
        about["name"] = clean_name(body.name or "", errors)
    if body.tags is not None:
        about["tags"] = list(distinct(body.tags))
    if body.metadata is not None:
        about["user_metadata"] = dict(body.metadata)
    if body.priority is not None:
        about["priority"] = PRIORITIES[body.priority]
    if "cancel_after" in body.model_fields_set:
        about["cancel_after"] = deadline("cancel_after", body.cancel_after, now, errors)
    return about


def _revision(request: Request) -> int | None:
    """The one revision of If-Match; None: any, or none told.

    An ETag of the job begins with its revision: the rest of it, such as the progress
    that its sender has seen, is nobody's reason to refuse a change.
    """
    told = request.headers.get("If-Match", "*").strip()
    if told == "*":
        return None
    if (mark := Mark.read(told.removeprefix("W/").strip('"'))) is not None:
        return mark.revision
    number = told.strip('"')
    if not _REVISION.fullmatch(number):
        raise VersionMismatch(f"{told[:40]!r} is not the revision of a job")
    return int(number)


def render_again(services: Services, owner_id: str, job_id: str, iteration: int) -> str:
    """Make a job that does nothing but render a checkpoint; return its id.

    Raises:
        NoSuchCheckpoint: It went meanwhile.
        QueueFull: Too many jobs are waiting.
    """
    database = services.database
    fork = Fork(iteration, finishes=True)
    limits, once = limits_of(services), current_once()
    child_id = fork_from(database, owner_id, job_id, fork, limits, once)
    ring(services, child_id)
    return child_id


def keep_frame(services: Services, owner_id: str, frame: Frame) -> Stored:
    """Make an asset of a preview.

    Raises:
        StorageFull: There is no room for it.
    """
    file = FileStorage(BytesIO(services.storage.get(frame.key)))
    picture = Picture("file", 0, file)
    (kept,) = keep_all(services, owner_id, inspect_all(services, [picture]))
    return kept


blueprint = make_blueprint("verbs", "What may be asked of a job, by its state.")


@post(
    blueprint, "/v1/jobs/<job_id>/cancel", json=CancelBody, s200=JobObject,
    s202=JobObject, s204="", s400=None, s404=None, s409=None, s413=None, s415=None,
)  # fmt: skip
def cancel_job(path: JobPath) -> Response:
    """Stop a job for good: at once while it waits, else at the next iteration.

    What it has made is kept, as that of any job that is over. With `"purge": true` it
    is deleted too: 204 says at once, 202 as soon as its worker has let go.
    """
    find_job(path.job_id)
    if not wants_purge(request):
        return _ask(path.job_id, cancel)
    services, owner_id = current_services(), current_owner_id()
    said, keys = cancel_and_purge(services.database, owner_id, path.job_id)
    drop_blobs(services, keys)
    if said.done:
        return Response(status=204)
    return job_answer(present(services.database, find_job(path.job_id)), 202)


@post(
    blueprint, "/v1/jobs/<job_id>/pause", s200=JobObject, s202=JobObject, s400=None,
    s404=None, s409=None, s413=None, s415=None,
)  # fmt: skip
def pause_job(path: JobPath) -> Response:
    """Free the device, and keep a checkpoint and the place in line."""
    return _ask_plainly(path.job_id, pause)


@post(
    blueprint, "/v1/jobs/<job_id>/resume", s200=JobObject, s202=JobObject, s400=None,
    s404=None, s409=None, s413=None, s415=None,
)  # fmt: skip
def resume_job(path: JobPath) -> Response:
    """Let a paused job go on from its checkpoint."""
    return _ask_plainly(path.job_id, resume)


@post(
    blueprint, "/v1/jobs/<job_id>/finish", s200=JobObject, s202=JobObject, s400=None,
    s404=None, s409=None, s413=None, s415=None,
)  # fmt: skip
def finish_job(path: JobPath) -> Response:
    """Stop now and keep the picture as it is: the job succeeds, early."""
    return _ask_plainly(path.job_id, finish)


@post(
    blueprint, "/v1/jobs/<job_id>/fork", json=ForkBody, s202=JobObject, s400=None,
    s404=None, s409=None, s413=None, s415=None, s429=None,
)  # fmt: skip
@creates
def fork_job(path: JobPath) -> Response:
    """Make a new job from a checkpoint of this one, with other weights from there."""
    _begin(path.job_id)
    wanted = fork_request(request)

    def make(database: Database, owner_id: str, limits: Limits) -> str:
        once, of = current_once(), path.job_id
        return fork(database, owner_id, of, wanted, limits, once)

    return _branch(make)


@post(
    blueprint, "/v1/jobs/<job_id>/extend", json=ExtendBody, s202=JobObject, s400=None,
    s404=None, s409=None, s413=None, s415=None, s429=None,
)  # fmt: skip
@creates
def extend_job(path: JobPath) -> Response:
    """Make a new job that adds iterations to this one, which has succeeded."""
    _begin(path.job_id)
    iterations = extend_request(request)

    def make(database: Database, owner_id: str, limits: Limits) -> str:
        once, of = current_once(), path.job_id
        return extend(database, owner_id, of, iterations, limits, once)

    return _branch(make)


@post(
    blueprint, "/v1/jobs/<job_id>/retry", json=RetryBody, s202=JobObject, s400=None,
    s404=None, s409=None, s413=None, s415=None, s429=None,
)  # fmt: skip
@creates
def retry_job(path: JobPath) -> Response:
    """Make a new job that tries this one again, from its last checkpoint."""
    _begin(path.job_id)
    anew = starts_anew(request)

    def make(database: Database, owner_id: str, limits: Limits) -> str:
        once, of = current_once(), path.job_id
        return retry(database, owner_id, of, limits, once, from_start=anew)

    return _branch(make)


def _ask_plainly(job_id: str, verb: Callable[[Database, str, str], Answer]) -> Response:
    find_job(job_id)
    require_no_body(request)
    return _ask(job_id, verb)


def _ask(job_id: str, verb: Callable[[Database, str, str], Answer]) -> Response:
    services = current_services()
    said = verb(services.database, current_owner_id(), job_id)
    job = find_job(job_id)
    if job.state == JobState.QUEUED and not said.done:
        ring(services, job_id)
    return job_answer(present(services.database, job), 200 if said.done else 202)


def _begin(job_id: str) -> None:
    """Find the job, and see whether this has been asked before."""
    find_job(job_id)
    recognize(json_object(request))


def _branch(make: Callable[[Database, str, Limits], str]) -> Response:
    services = current_services()
    child_id = make(services.database, current_owner_id(), limits_of(services))
    ring(services, child_id)
    return job_answer(present(services.database, find_job(child_id)), 202)
