"""Submission of an exploration, form or JSON: validated, with all errors at once."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from api.http.json_body import JSON, parse_object, read_json_object
from api.http.multipart import CURL_AS_JSON, MULTIPART, FormSpec, read_form
from api.http.validation import clean_name, field_errors
from api.idempotency import begin_idempotent_request, canonical_form
from api.jobs.form_submission import form_pictures
from api.jobs.options import read_reuse
from shared.errors import FieldError, InvalidParams
from shared.params.explore import MAX_PICTURES, ExploreParams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.wrappers import Request

    from api.assets.uploads import UploadedPicture
    from api.dependencies import Dependencies
    from api.http.multipart import Form
    from api.jobs.request_schemas import ReuseWord

_PARAMS_EXAMPLE = '{"layers": ["relu3_1"]}'


@dataclass(frozen=True, slots=True)
class ExplorationRequest:
    """Exploration that is valid except that its pictures are not inspected yet.

    Attributes:
        params: Parameters; may refer to assets.
        name: Name of the job, for people.
        reuse: Whether an equal job may be returned instead of a new one.
        pictures: Files of the form.
        pointer_prefix: JSON pointer to the parameters in the request.
    """

    params: ExploreParams
    name: str | None
    reuse: ReuseWord
    pictures: list[UploadedPicture]
    pointer_prefix: str


@contextmanager
def read_exploration_request(
    request: Request, dependencies: Dependencies
) -> Iterator[ExplorationRequest]:
    """Parse and validate an exploration; its files exist inside the context only.

    Raises:
        MalformedJson: The parameters are not strict JSON.
        InvalidParams: Values are wrong or unknown.
        UnsupportedMediaType: The body is neither a form nor JSON.
        UploadTooLarge: The form has too many bytes.
    """
    if request.mimetype == JSON or _has_no_body(request):
        yield _from_json(request)
        return
    with read_form(request, dependencies, EXPLORATION_FORM) as form:
        begin_idempotent_request(canonical_form(form))
        yield _from_form(form)


def _has_no_body(request: Request) -> bool:
    """Return whether there is no body, which means the shipped pictures."""
    is_empty = request.content_length == 0 and request.mimetype != MULTIPART
    return is_empty or not request.content_type


def _from_json(request: Request) -> ExplorationRequest:
    body = read_json_object(request)
    begin_idempotent_request(body)
    errors: list[FieldError] = []
    reuse = read_reuse(body.pop("reuse", "never"), errors)
    name = body.pop("name", None)
    if name is None:
        name = ""  # null means missing
    if not isinstance(name, str):
        errors.append(FieldError("/name", "string-type", "must be text"))
        name = ""
    return _validate(body, errors, name, reuse, [], "")


def _from_form(form: Form) -> ExplorationRequest:
    body = parse_object(form.fields.get("params") or "{}", "params", _PARAMS_EXAMPLE)
    name, errors = form.fields.get("name", ""), [*form.errors]
    reuse = read_reuse(form.fields.get("reuse", "").strip() or "never", errors)
    return _validate(body, errors, name, reuse, form_pictures(form), "/params")


def _validate(
    body: dict[str, Any],
    errors: list[FieldError],
    name: str,
    reuse: ReuseWord,
    pictures: list[UploadedPicture],
    pointer_prefix: str,
) -> ExplorationRequest:
    cleaned_name = clean_name(name, errors)
    try:
        # Strict: "9" and true are not numbers.
        params = ExploreParams.model_validate_json(json.dumps(body), strict=True)
    except ValidationError as error:
        errors.extend(field_errors(error, ExploreParams, pointer_prefix))
        raise InvalidParams(errors) from error
    if errors:
        raise InvalidParams(errors)
    return ExplorationRequest(params, cleaned_name, reuse, pictures, pointer_prefix)


EXPLORATION_FORM = FormSpec(
    "an exploration",
    {"picture": MAX_PICTURES},
    ("params",),
    ("name", "reuse"),
    "picture, params, name, reuse",
    "curl -F picture=@one.jpg -F picture=@two.jpg ...",
    f"""{CURL_AS_JSON} -d '{{"layers": ["relu3_1"]}}'""",
)
