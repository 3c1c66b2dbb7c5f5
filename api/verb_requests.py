"""From the requests of the verbs to what `shared.jobs` is asked to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from api.bodies import (
    PRIORITIES,
    CancelBody,
    ChangeBody,
    EmptyBody,
    ExtendBody,
    ForkBody,
    RetryBody,
)
from api.etags import Mark
from api.job_options import clean_name, deadline, distinct
from api.json_bodies import (
    MERGE_PATCH,
    gathered,
    immutable,
    json_object,
    read_body,
    refusal,
    taken_away,
)
from api.strict_json import JSON
from api.validation import sound
from shared import jobs
from shared.errors import (
    FieldError,
    InvalidParams,
    PreconditionRequired,
    VersionMismatch,
)
from shared.steering import Changes

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Request

_FORK = '{"from": {"iteration": 200}, "params": {"style_weight": 4}}'
_REVISION = re.compile(r"[0-9]{1,18}")
_PARAMS = set(Changes.model_fields)


def change_request(request: Request, now: Callable[[], float]) -> jobs.Change:
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
    return jobs.Change(params, about, revision)


def fork_request(request: Request) -> jobs.Fork:
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
    return jobs.Fork(body.origin.iteration, changes, name)


def wants_purge(request: Request) -> bool:
    """Read whether a canceled job shall be deleted too.

    Raises:
        InvalidParams: It says something else.
    """
    return read_body(json_object(request), CancelBody).purge


def require_no_body(request: Request) -> None:
    """Let nobody believe that more was understood than is.

    Raises:
        InvalidParams: The body says something.
    """
    read_body(json_object(request), EmptyBody)


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
        about["labels"] = dict(body.metadata)
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
