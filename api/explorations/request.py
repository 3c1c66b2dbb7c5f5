"""From a request to the parameters of an exploration: all mistakes named at once."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from api.http.json_body import JSON, json_object, parse_object
from api.http.multipart import _AS_JSON, MULTIPART, FormKind, received
from api.http.validation import clean_name, field_errors
from api.idempotency import asked_by, recognize
from api.jobs.form_request import pictures_of
from api.jobs.options import read_reuse
from shared.errors import FieldError, InvalidParams
from shared.params.explore import MAX_PICTURES, ExploreParams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.wrappers import Request

    from api.assets.uploads import Picture
    from api.dependencies import Services
    from api.http.multipart import Form
    from api.jobs.request_schemas import ReuseWord

_EXAMPLE = '{"layers": ["relu3_1"]}'


@dataclass(frozen=True, slots=True)
class ExplorationRequest:
    """An exploration that may be made, once its pictures have been looked at.

    Attributes:
        params: As asked for; may name pictures sent before.
        name: For people.
        reuse: Whether an equal job may be taken for it.
        pictures: Files of the form.
        prefix: JSON pointer to where the parameters stood.
    """

    params: ExploreParams
    name: str | None
    reuse: ReuseWord
    pictures: list[Picture]
    prefix: str


@contextmanager
def exploration_request(
    request: Request, services: Services
) -> Iterator[ExplorationRequest]:
    """Check all that a form, or a JSON object of parameters, says.

    Raises:
        MalformedJson: The parameters are not strict JSON.
        InvalidParams: Values are wrong or unknown.
        UnsupportedMediaType: It is neither.
        UploadTooLarge: It has too many bytes.
    """
    if request.mimetype == JSON or _says_nothing(request):
        yield _from_json(request)
        return
    with received(request, services, EXPLORATION_FORM) as form:
        recognize(asked_by(form))
        yield _from_form(form)


def _says_nothing(request: Request) -> bool:
    """Whether there is no body: that is all that the shipped pictures need."""
    is_empty = request.content_length == 0 and request.mimetype != MULTIPART
    return is_empty or not request.content_type


def _from_json(request: Request) -> ExplorationRequest:
    said = json_object(request)
    recognize(said)
    errors: list[FieldError] = []
    reuse = read_reuse(said.pop("reuse", "never"), errors)
    name = said.pop("name", None)
    if name is None:
        name = ""  # as if it were not said
    if not isinstance(name, str):
        errors.append(FieldError("/name", "string-type", "must be text"))
        name = ""
    return _checked(said, errors, name, reuse, [], "")


def _from_form(form: Form) -> ExplorationRequest:
    said = parse_object(form.fields.get("params") or "{}", "params", _EXAMPLE)
    name, errors = form.fields.get("name", ""), [*form.errors]
    reuse = read_reuse(form.fields.get("reuse", "").strip() or "never", errors)
    return _checked(said, errors, name, reuse, pictures_of(form), "/params")


def _checked(
    said: dict[str, Any],
    errors: list[FieldError],
    name: str,
    reuse: ReuseWord,
    pictures: list[Picture],
    prefix: str,
) -> ExplorationRequest:
    read = clean_name(name, errors)
    try:
        # Strict: "9" and true are no numbers.
        params = ExploreParams.model_validate_json(json.dumps(said), strict=True)
    except ValidationError as error:
        errors.extend(field_errors(error, ExploreParams, prefix))
        raise InvalidParams(errors) from error
    if errors:
        raise InvalidParams(errors)
    return ExplorationRequest(params, read, reuse, pictures, prefix)


EXPLORATION_FORM = FormKind(
    "an exploration",
    {"picture": MAX_PICTURES},
    ("params",),
    ("name", "reuse"),
    "picture, params, name, reuse",
    "curl -F picture=@one.jpg -F picture=@two.jpg ...",
    f"""{_AS_JSON} -d '{{"layers": ["relu3_1"]}}'""",
)
