"""Parser and validation of JSON request bodies; ambiguous JSON is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from api.http.body import body_slot
from api.http.schemas import EmptyBody
from api.http.slots import MAX_FIELD_BYTES
from api.http.validation import field_errors, shorten
from shared.errors import (
    FieldError,
    ImmutableField,
    InvalidParams,
    MalformedJson,
    UnsupportedMediaType,
    UploadTooLarge,
)
from shared.params.style import StyleImage, StyleParams

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from werkzeug.wrappers import Request

JSON = "application/json"

_INTEGERS_END = 2**63  # upper bound of integers in bodies
_MAX_DEPTH = 20  # bodies of the API need three
_MAX_DIGITS = 4_300  # of an integer; int() accepts no more


def parse_object(text: str, field: str, example: str = "{...}") -> dict[str, Any]:
    """Parse a JSON object; duplicate keys, NaN and Infinity are errors.

    Args:
        text: JSON text.
        field: Field or part of the request, for the message.
        example: Example of such an object, for the message.

    Raises:
        MalformedJson: The text is not such an object.
    """
    value = parse_json(text, field)
    if not isinstance(value, dict):
        raise MalformedJson(f"{field}: must be a JSON object, such as {example}")
    return value


def parse_list(text: str, field: str, example: str = "[...]") -> list[Any]:
    """Parse a JSON array, as `parse_object` does an object.

    Raises:
        MalformedJson: The text is not such an array.
    """
    value = parse_json(text, field)
    if not isinstance(value, list):
        raise MalformedJson(f"{field}: must be a JSON array, such as {example}")
    return value


def parse_json(text: str, field: str) -> object:
    """Parse any JSON value, as `parse_object` does an object.

    Raises:
        MalformedJson: The text is not strict JSON.
    """
    if text.startswith("\ufeff"):
        raise MalformedJson(f"{field}: begins with a byte order mark; leave it out")
    try:
        value: object = json.loads(
            text,
            object_pairs_hook=_reject_duplicates,
            parse_constant=_reject_constant,
            parse_float=_read_number,
            parse_int=_read_integer,
        )
    except json.JSONDecodeError as error:
        raise MalformedJson(
            f"{field}: {error.msg} in line {error.lineno}, column {error.colno}"
        ) from error
    except RecursionError as error:
        raise MalformedJson(f"{field}: nested far too deeply") from error
    except ValueError as error:
        raise MalformedJson(f"{field}: {error}") from error
    if _is_deeper_than(value, _MAX_DEPTH):
        raise MalformedJson(f"{field}: nested deeper than {_MAX_DEPTH} levels")
    if "\\u" in text and not _is_encodable(value):
        raise MalformedJson(f"{field}: half of a surrogate pair, which is no character")
    return value


def _reject_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            raise ValueError(f"{shorten(repr(name))} is given twice")
        result[name] = value
    return result


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number in JSON")


def _read_number(text: str) -> float:
    """Parse a number; 64.0 becomes the integer 64, as in JSON Schema."""
    number = float(text)
    is_integer = number.is_integer() and abs(number) < _INTEGERS_END
    return int(number) if is_integer else number


def _read_integer(text: str) -> int:
    if (digits := len(text.lstrip("-"))) > _MAX_DIGITS:
        raise ValueError(f"a number has {digits:,} digits, more than {_MAX_DIGITS:,}")
    return int(text)


def _is_encodable(value: object) -> bool:
    """Return whether a value can be encoded as UTF-8; lone surrogates cannot."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_deeper_than(value: object, levels: int) -> bool:
    if isinstance(value, dict):
        inner = list(value.values())
    elif isinstance(value, list):
        inner = value
    else:
        return False
    return levels == 0 or any(_is_deeper_than(item, levels - 1) for item in inner)


Body = TypeVar("Body", bound=BaseModel)

MERGE_PATCH = "application/merge-patch+json"


def read_json_object(
    request: Request, media_types: tuple[str, ...] = (JSON,)
) -> dict[str, Any]:
    """Read the body of a request as a JSON object; an empty body is an empty object.

    Args:
        request: Request with the body.
        media_types: Accepted media types; error messages recommend the last.

    Raises:
        UnsupportedMediaType: The body has another media type.
        MalformedJson: The body is not strict JSON, or not an object.
        UploadTooLarge: The body has more bytes than the limit.
        IncompleteBody: The body ended early.
        BodyTooSlow: The body arrived too slowly.
        ServerBusy: Too many bodies are being read.
        TooManyUploads: Too many bodies of this owner are being read.
    """
    request.max_content_length = MAX_FIELD_BYTES
    with body_slot(request):
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
    if request.mimetype not in media_types:
        sent = request.mimetype or "nothing"
        raise UnsupportedMediaType(
            f"the body is {sent}; it must be {media_types[-1]}",
            hint=f"curl -H 'Content-Type: {media_types[-1]}' -d ...",
        )
    try:
        return parse_object(data.decode(), "body", '{"iterations": 300}')
    except UnicodeDecodeError as error:
        raise MalformedJson(f"body: not UTF-8: {error}") from error


def validate_body(
    body: Mapping[str, Any],
    model: type[Body],
    hint: str = "",
    now: Callable[[], float] | None = None,
) -> Body:
    """Validate a body strictly: the text "5" is not a number.

    Args:
        body: Members of the body.
        model: Model of the body.
        hint: Hint of the error.
        now: Function that reads the time of the database, in seconds since 1970;
            called only for a deadline.

    Raises:
        InvalidParams: Members are wrong, unknown or missing; all are listed.
    """
    try:
        return model.model_validate_json(
            json.dumps(body), strict=True, context={"now": now}
        )
    except ValidationError as error:
        raise InvalidParams(field_errors(error, model), hint=hint) from error


def collect_body_errors(
    body: Mapping[str, Any],
    model: type[Body],
    errors: list[FieldError],
    now: Callable[[], float] | None = None,
) -> Body | None:
    """Validate a body as `validate_body` does, but add the errors to `errors`.

    A member has only its first error.

    Returns:
        Validated body, or None if there are errors.
    """
    pointers = {error.pointer for error in errors}
    try:
        return validate_body(body, model, now=now)
    except InvalidParams as error:
        parents = {pointer.rpartition("/")[0] for pointer in pointers} - {""}
        errors.extend(
            field_error
            for field_error in error.errors
            if field_error.pointer not in pointers
            # A missing member is not reported if its object already has an error.
            and (
                field_error.code != "missing"
                or field_error.pointer.rpartition("/")[0] not in parents
            )
        )
        return None


def immutable_field_errors(
    body: Mapping[str, Any], mutable: type[BaseModel], prefix: str = ""
) -> list[FieldError]:
    """Return an error for each parameter that no change and no fork can set."""
    immutable = StyleParams.model_fields.keys() - mutable.model_fields.keys()
    pointers = [f"{prefix}/{name}" for name in body if name in immutable]
    styles = body.get("styles")
    for index, style in enumerate(styles if isinstance(styles, list) else ()):
        members = style if isinstance(style, dict) else {}
        immutable_members = StyleImage.model_fields.keys() - {"weight"}
        pointers += [
            f"{prefix}/styles/{index}/{name}"
            for name in members
            if name in immutable_members
        ]
    detail = "cannot change in a job that exists"
    return [FieldError(pointer, ImmutableField.code, detail) for pointer in pointers]


def null_field_errors(
    body: Mapping[str, Any], names: set[str], prefix: str = ""
) -> list[FieldError]:
    """Return an error for each of these members that is null."""
    return [
        FieldError(f"{prefix}/{name}", "null", "cannot be taken away; give a value")
        for name in body
        if name in names and body[name] is None
    ]


def params_error(errors: Sequence[FieldError], hint: str = "") -> InvalidParams:
    """Build one error from field errors; ImmutableField if any field is immutable."""
    is_immutable = any(error.code == ImmutableField.code for error in errors)
    return ImmutableField(errors) if is_immutable else InvalidParams(errors, hint=hint)


def require_no_body(request: Request) -> None:
    """Refuse a body with members, since the action would ignore them.

    Raises:
        InvalidParams: The body has members.
    """
    validate_body(read_json_object(request), EmptyBody)
