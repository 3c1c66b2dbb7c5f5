"""Reading the JSON body of a request, strictly, into one of the models of `bodies`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from api.limits import MAX_FIELD_BYTES, one_place
from api.services import current_services
from api.strict_json import JSON, parse_object
from api.validation import field_errors
from shared.errors import (
    FieldError,
    ImmutableField,
    InvalidParams,
    MalformedJson,
    UnsupportedMediaType,
    UploadTooLarge,
)
from shared.params import StyleParams
from shared.style_images import StyleImage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from threading import BoundedSemaphore

    from werkzeug.wrappers import Request

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
