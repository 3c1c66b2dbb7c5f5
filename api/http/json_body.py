"""JSON without the ambiguities that parsers disagree on.

Reading the JSON body of a request, strictly, into one of the models of `bodies`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from api.dependencies import current_services
from api.http.schemas import EmptyBody
from api.http.slots import MAX_FIELD_BYTES, one_place
from api.http.validation import field_errors
from shared.errors import (
    FieldError,
    ImmutableField,
    InvalidParams,
    MalformedJson,
    UnsupportedMediaType,
    UploadTooLarge,
)
from shared.params.image_refs import StyleImage
from shared.params.style import StyleParams

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from threading import BoundedSemaphore

    from werkzeug.wrappers import Request

JSON = "application/json"

_MAX_DEPTH = 20  # ours need three


def parse_object(text: str, field: str, example: str) -> dict[str, Any]:
    """Parse a JSON object; a key given twice and NaN or Infinity are errors.

    Args:
        text: The JSON.
        field: Where it stands, for the message.
        example: Of such an object, for the message.

    Raises:
        MalformedJson: It is not such an object.
    """
    value = _parse(text, field)
    if not isinstance(value, dict):
        raise MalformedJson(f"{field}: must be a JSON object, such as {example}")
    return value


def parse_list(text: str, field: str, example: str) -> list[Any]:
    """Parse a JSON array, as `parse_object` does an object.

    Raises:
        MalformedJson: It is not such an array.
    """
    value = _parse(text, field)
    if not isinstance(value, list):
        raise MalformedJson(f"{field}: must be a JSON array, such as {example}")
    return value


def _parse(text: str, field: str) -> object:
    try:
        value: object = json.loads(
            text, object_pairs_hook=_without_repeats, parse_constant=_not_a_number
        )
    except json.JSONDecodeError as error:
        raise MalformedJson(
            f"{field}: {error.msg} in line {error.lineno}, column {error.colno}"
        ) from error
    except RecursionError as error:
        raise MalformedJson(f"{field}: nested far too deeply") from error
    except ValueError as error:
        raise MalformedJson(f"{field}: {error}") from error
    if _deeper_than(value, _MAX_DEPTH):
        raise MalformedJson(f"{field}: nested deeper than {_MAX_DEPTH} levels")
    if "\\u" in text and not _is_text(value):
        raise MalformedJson(f"{field}: half of a surrogate pair, which is no character")
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise ValueError(f"{name!r} is given twice")
        made[name] = value
    return made


def _not_a_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number in JSON")


def _is_text(value: object) -> bool:
    """Whether all of it can be written as UTF-8: an escape can name what cannot."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _deeper_than(value: object, levels: int) -> bool:
    if isinstance(value, dict):
        inner = list(value.values())
    elif isinstance(value, list):
        inner = value
    else:
        return False
    return levels == 0 or any(_deeper_than(one, levels - 1) for one in inner)


Body = TypeVar("Body", bound=BaseModel)

MERGE_PATCH = "application/merge-patch+json"


def json_object(
    request: Request,
    kinds: tuple[str, ...] = (JSON,),
    places: BoundedSemaphore | None = None,
) -> dict[str, Any]:
    """Read the body; an empty one is an empty object.

    Args:
        request: Whose.
        kinds: Of media; the last is advised.
        places: Where it is read; None: where the bodies of all callers are.

    Raises:
        UnsupportedMediaType: It is of another kind.
        MalformedJson: It is not strict JSON, or no object.
        UploadTooLarge: It is longer than any needs to be.
        ServerBusy: Too many bodies are being read.
    """
    request.max_content_length = MAX_FIELD_BYTES
    with one_place(places or current_services().uploads):  # its sender may fall silent
        try:
            data = request.get_data()
        except RequestEntityTooLarge as error:
            raise UploadTooLarge(
                f"a JSON body may have {MAX_FIELD_BYTES:,} bytes",
                hint="pictures are sent as files of a form; see max_json_bytes of "
                "/v1/capabilities",
            ) from error
    if not data:
        return {}
    if request.mimetype not in kinds:
        sent = request.mimetype or "nothing"
        raise UnsupportedMediaType(
            f"the body is {sent}; it must be {kinds[-1]}",
            hint=f"curl -H 'Content-Type: {kinds[-1]}' -d ...",
        )
    try:
        return parse_object(data.decode(), "body", '{"iterations": 300}')
    except UnicodeDecodeError as error:
        raise MalformedJson(f"body: not UTF-8: {error}") from error


def read_body(said: Mapping[str, Any], model: type[Body], hint: str = "") -> Body:
    """Check the members of a body, without bending values: "5" is no number.

    Args:
        said: The body.
        model: What it should be.
        hint: What helps whoever sent another.

    Raises:
        InvalidParams: Values are wrong, unknown or missing; all are named.
    """
    try:
        return model.model_validate_json(json.dumps(said), strict=True)
    except ValidationError as error:
        raise InvalidParams(field_errors(error, model), hint=hint) from error


def gathered(
    said: Mapping[str, Any], model: type[Body], errors: list[FieldError]
) -> Body | None:
    """Do as `read_body`, but add what is wrong to `errors`, unless it is named there.

    Returns:
        None where something is wrong.
    """
    known = {one.pointer for one in errors}
    try:
        return read_body(said, model)
    except InvalidParams as error:
        beside = {pointer.rpartition("/")[0] for pointer in known} - {""}
        errors.extend(
            one
            for one in error.errors
            if one.pointer not in known
            # Who names something else there has not forgotten it.
            and (one.code != "missing" or one.pointer.rpartition("/")[0] not in beside)
        )
        return None


def immutable(
    said: Mapping[str, Any], mutable: type[BaseModel], prefix: str = ""
) -> list[FieldError]:
    """Name every parameter that exists, but that no change and no fork can reach."""
    fixed = StyleParams.model_fields.keys() - mutable.model_fields.keys()
    places = [f"{prefix}/{name}" for name in said if name in fixed]
    styles = said.get("styles")
    for index, style in enumerate(styles if isinstance(styles, list) else ()):
        inner = style if isinstance(style, dict) else {}
        parts = StyleImage.model_fields.keys() - {"weight"}
        places += [f"{prefix}/styles/{index}/{name}" for name in inner if name in parts]
    detail = "cannot change in a job that exists"
    return [FieldError(at, ImmutableField.code, detail) for at in places]


def taken_away(
    said: Mapping[str, Any], names: set[str], prefix: str = ""
) -> list[FieldError]:
    """Name what a job always has, and what is null here."""
    return [
        FieldError(f"{prefix}/{name}", "null", "cannot be taken away; give a value")
        for name in said
        if name in names and said[name] is None
    ]


def refusal(errors: Sequence[FieldError], hint: str = "") -> InvalidParams:
    """Name all of them; under the name of the worst, of which no other value helps."""
    worst = any(one.code == ImmutableField.code for one in errors)
    return ImmutableField(errors) if worst else InvalidParams(errors, hint=hint)


def require_no_body(request: Request) -> None:
    """Let nobody believe that more was understood than is.

    Raises:
        InvalidParams: The body says something.
    """
    read_body(json_object(request), EmptyBody)
