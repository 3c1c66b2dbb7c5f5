"""JSON submission of a job whose pictures are assets, with all errors at once."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from api.http.json_body import read_json_object
from api.http.validation import clean_name, field_errors, valid_members
from api.job_view.schemas import PRIORITIES
from api.jobs.options import JobOptions, distinct_tags, read_segments, resolve_deadline
from api.jobs.request_schemas import JobJson, OptionsBody
from shared.errors import FieldError, MalformedJson
from shared.params.style import MAX_STYLES, StyleParams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from werkzeug.wrappers import Request

    from shared.params.segments import Segment

_PICTURE_POINTER = re.compile(
    r"/(content|init_image|content_labels|styles/\d{1,9}/(?:image|mask|region|labels))"
    r"(/|$)"
)
_UPLOAD_HINT = (
    'POST /v1/assets takes the file; then name it as {"asset_id": "<its id>"}'
)
# Text in place of a reference: pattern, error code, error message.
_WRONG_REFERENCES = (
    (r"https?:", "url-not-allowed", "is fetched by nobody: {upload}"),
    (r"data:", "data-url", "is not taken as text: {upload}"),
    (r"ast_\w{1,60}$", "asset-id", 'write it as {{"asset_id": "{ref}"}}'),
    (r"", "asset-id", "is no picture: {upload}"),
)
_OPTION_NAMES = frozenset(OptionsBody.model_fields)
# Pictures of a style: field -> (role, whether it is required).
_STYLE_FIELDS = {
    "image": ("style", True),
    "mask": ("mask", False),
    "region": ("region", False),
    "labels": ("labels", False),
}
_REFERENCE_HINT = 'as {"asset_id": "..."}: POST /v1/assets takes the file'


def explain_picture_errors(
    errors: Iterable[FieldError], body: Mapping[str, Any]
) -> list[FieldError]:
    """Replace the type errors of a wrong picture reference by one error with a hint."""
    explained: dict[str, FieldError] = {}
    for error in errors:
        match = _PICTURE_POINTER.match(error.pointer)
        hint = _picture_error(f"/{match[1]}", body) if match else None
        replacement = hint or error
        explained.setdefault(f"{replacement.pointer} {replacement.code}", replacement)
    return list(explained.values())


def _picture_error(pointer: str, body: Mapping[str, Any]) -> FieldError | None:
    """Return an error with a hint if a picture is text or a URL, else None."""
    reference = _value_at(pointer, body)
    if isinstance(reference, dict) and "url" in reference:
        reference = "https:"
    if not isinstance(reference, str):
        return None
    message = next(
        message
        for pattern, *message in _WRONG_REFERENCES
        if re.match(pattern, reference)
    )
    code, detail = message
    return FieldError(pointer, code, detail.format(ref=reference, upload=_UPLOAD_HINT))


def _value_at(pointer: str, body: Mapping[str, Any]) -> object:
    """Return the value at a JSON pointer of a body; None if there is none."""
    value: object = body
    for step in pointer[1:].split("/"):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


@dataclass(frozen=True, slots=True)
class PictureRef:
    """Reference of a body to an asset, with its role and its JSON pointer."""

    role: str
    position: int
    asset_id: str
    pointer: str


@dataclass(frozen=True, slots=True)
class JsonSubmission:
    """Job submitted as JSON, with its validation errors so far.

    Attributes:
        params: Parameters of the job; None if they are invalid.
        refs: References to pictures, as far as they are valid.
        name: Name of the job.
        segments: Planned changes of parameters.
        options: Options besides the parameters.
        errors: Validation errors; those of the pictures are added later.
    """

    params: StyleParams | None
    references: list[PictureRef]
    name: str | None
    segments: tuple[Segment, ...]
    options: JobOptions
    errors: list[FieldError]


def read_json_submission(request: Request, now: Callable[[], float]) -> JsonSubmission:
    """Parse and validate the JSON body of a submission.

    Args:
        request: Request of the submission.
        now: Function that reads the time of the database, in seconds since 1970.

    Raises:
        UnsupportedMediaType: The body is not JSON.
        MalformedJson: The body is not strict JSON, or not an object.
    """
    body = read_json_object(request)
    errors: list[FieldError] = []
    options_body = {name: body.pop(name) for name in _OPTION_NAMES & body.keys()}
    planned_segments = body.pop("segments", [])
    if not isinstance(planned_segments, list):
        raise MalformedJson("segments: must be a JSON array")
    body, inner = _merge_params(body, errors)
    param_errors: list[FieldError] = []
    params = _read_params(body, param_errors)
    references = list(_read_references(body, param_errors))
    param_errors = explain_picture_errors(param_errors, body)
    errors += [
        replace(item, pointer=_body_pointer(item.pointer, inner))
        for item in param_errors
    ]
    references = [
        replace(item, pointer=_body_pointer(item.pointer, inner)) for item in references
    ]
    segments = read_segments(json.dumps(planned_segments), params, errors)
    name, options = _read_options(options_body, now, errors)
    return JsonSubmission(params, references, name, segments, options, errors)


def _merge_params(
    body: dict[str, Any], errors: list[FieldError]
) -> tuple[dict[str, Any], AbstractSet[str]]:
    """Merge `params` into the body; also return the names that came from `params`."""
    inner = body.pop("params", None) or {}
    if not isinstance(inner, dict):
        errors.append(FieldError("/params", "dict-type", "must be an object"))
        inner = {}
    errors.extend(
        FieldError(f"/params/{name}", "repeated", "is given twice")
        for name in inner.keys() & body.keys()
    )
    return {**inner, **body}, inner.keys() - body.keys()


def _body_pointer(pointer: str, inner: AbstractSet[str]) -> str:
    """Return the pointer in the original body of a value in the merged body."""
    _, first, *_ = pointer.split("/")
    return f"/params{pointer}" if first in inner else pointer


def _read_params(body: dict[str, Any], errors: list[FieldError]) -> StyleParams | None:
    try:
        # Strict: "512" and true are not numbers.
        return StyleParams.model_validate_json(json.dumps(body), strict=True)
    except ValidationError as error:
        errors.extend(field_errors(error, JobJson))
        return None


def _read_references(
    body: dict[str, Any], errors: list[FieldError]
) -> Iterator[PictureRef]:
    """Yield the references to pictures; missing required ones go to `errors`."""
    yield from _read_reference(body, "content", "content", 0, errors)
    styles = body.get("styles")
    if not isinstance(styles, list):
        detail = f"the paintings are missing; each image {_REFERENCE_HINT}"
        errors.append(FieldError("/styles", "missing", detail))
        styles = []
    for position, style in enumerate(styles[:MAX_STYLES]):
        for field, (role, is_required) in _STYLE_FIELDS.items():
            fields = style if isinstance(style, dict) else {}
            if is_required or fields.get(field) is not None:
                path = f"styles/{position}/{field}"
                yield from _read_reference(
                    {path: fields.get(field)}, path, role, position, errors
                )
    if body.get("init") == "image":
        yield from _read_reference(body, "init_image", "init_image", 0, errors)
    if body.get("content_labels") is not None:
        yield from _read_reference(body, "content_labels", "content_labels", 0, errors)


def _read_reference(
    body: dict[str, Any], name: str, role: str, position: int, errors: list[FieldError]
) -> Iterator[PictureRef]:
    reference = body.get(name)
    if reference is None:
        errors.append(
            FieldError(f"/{name}", "missing", f"is missing; send it {_REFERENCE_HINT}")
        )
    elif isinstance(reference, dict) and isinstance(reference.get("asset_id"), str):
        yield PictureRef(role, position, reference["asset_id"], f"/{name}/asset_id")


def _read_options(
    options_body: dict[str, Any], now: Callable[[], float], errors: list[FieldError]
) -> tuple[str | None, JobOptions]:
    try:
        body = OptionsBody.model_validate_json(json.dumps(options_body), strict=True)
    except ValidationError as error:
        option_errors = field_errors(error, OptionsBody)
        errors.extend(option_errors)
        body = OptionsBody.model_validate_json(
            json.dumps(valid_members(options_body, option_errors))
        )
    name = clean_name(body.name or "", errors)
    options = JobOptions(
        priority=PRIORITIES[body.priority],
        max_attempts=body.max_attempts,
        keep_every=body.keep_every,
        start_deadline=resolve_deadline(
            "start_deadline", body.start_deadline, now, errors
        ),
        cancel_after=resolve_deadline("cancel_after", body.cancel_after, now, errors),
        tags=distinct_tags(body.tags),
        user_metadata=dict(body.metadata),
        reuse=body.reuse,
    )
    return name, options
