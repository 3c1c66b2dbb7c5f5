"""Multipart submission of a job: parsed and validated, with all errors at once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from api.assets.uploads import UploadedPicture
from api.http.json_body import parse_object
from api.http.multipart import CURL_AS_JSON, JSON_FIELDS, FormSpec
from api.http.validation import clean_name, field_errors
from api.jobs.options import OPTION_FIELDS, JobOptions, read_options, read_segments
from shared.errors import FieldError, InvalidParams
from shared.params.style import MAX_STYLES, StyleParams

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.http.multipart import Form
    from shared.params.segments import Segment

_PICTURES = ("content", "init_image", "content_labels")
_STYLE_PICTURES = ("image", "mask", "region", "labels")
_AS_FILE = "send the picture as a file of the form"


@dataclass(frozen=True, slots=True)
class FormSubmission:
    """Job submitted as a form, valid except that its pictures are not inspected yet."""

    params: StyleParams
    name: str | None
    pictures: list[UploadedPicture]
    segments: tuple[Segment, ...]
    options: JobOptions


def read_form_submission(form: Form, now: Callable[[], float]) -> FormSubmission:
    """Parse and validate the fields of a form.

    Args:
        form: Form of the request.
        now: Function that reads the time of the database, in seconds since 1970.

    Raises:
        MalformedJson: `params` or `segments` is not strict JSON.
        InvalidParams: Values are wrong, unknown or missing.
    """
    body = parse_object(
        form.fields.get("params") or "{}", "params", '{"max_edge": 512}'
    )
    errors = [
        *form.errors,
        *_missing_files(form, body),
        *_pictures_in_params(body),
        *_unused_style_files(form),
    ]
    params = _read_params(body, len(form.files["style"]), errors)
    name = clean_name(form.fields.get("name", ""), errors)
    segments = read_segments(form.fields.get("segments") or "[]", params, errors)
    options = read_options(form.fields, now, errors)
    if params is None or errors:
        raise InvalidParams(errors)
    return FormSubmission(params, name, form_pictures(form), segments, options)


def form_pictures(form: Form) -> list[UploadedPicture]:
    """Return the files of a form, each with its role and position."""
    pictures = []
    for field, files in form.files.items():
        role, first_position = STYLE_FILES.get(field, (field, 0))
        pictures += [
            UploadedPicture(role, position, file)
            for position, file in enumerate(files, first_position)
        ]
    return pictures


def _unused_style_files(form: Form) -> list[FieldError]:
    """Return errors for masks and the like of styles that the form does not have."""
    styles = len(form.files["style"])
    return [
        FieldError(
            f"/{field}",
            "unused",
            f"belongs to style {position}, counted from 0, of {styles}",
        )
        for field, (_, position) in STYLE_FILES.items()
        if form.files[field] and 0 < styles <= position
    ]


def _missing_files(form: Form, body: dict[str, Any]) -> list[FieldError]:
    required = {"content": "the photo", "style": "the painting whose style it gets"}
    if body.get("init") == "image":
        required["init_image"] = "the picture to start from"
    reported = {error.pointer for error in form.errors}
    errors = [
        FieldError(f"/{name}", "missing", f"{what} is missing")
        for name, what in required.items()
        if not form.files[name] and f"/{name}" not in reported
    ]
    if form.files["init_image"] and body.get("init") != "image":
        detail = 'is used only with "init": "image"'
        errors.append(FieldError("/init_image", "unused", detail))
    return errors


def _pictures_in_params(body: dict[str, Any]) -> list[FieldError]:
    return [
        FieldError(f"/params/{name}", "not-a-file", _AS_FILE)
        for name in _PICTURES
        if body.get(name) is not None
    ]


def _read_params(
    body: dict[str, Any], style_count: int, errors: list[FieldError]
) -> StyleParams | None:
    errors.extend(_check_styles_param(body.get("styles"), style_count))
    body = _drop_pictures(body)
    if "styles" not in body and style_count:
        body["styles"] = [{}] * min(style_count, MAX_STYLES)
    try:
        # Strict: "512" and true are not numbers.
        return StyleParams.model_validate_json(json.dumps(body), strict=True)
    except ValidationError as error:
        errors.extend(field_errors(error, StyleParams, "/params"))
        return None


def _check_styles_param(styles: object, file_count: int) -> list[FieldError]:
    if not isinstance(styles, list):
        return []
    errors = [
        FieldError(f"/params/styles/{index}/{name}", "not-a-file", _AS_FILE)
        for index, style in enumerate(styles[:MAX_STYLES])
        if isinstance(style, dict)
        for name in _STYLE_PICTURES
        if style.get(name) is not None
    ]
    if file_count and len(styles) != file_count:
        detail = f"{len(styles)} entries for {file_count} style file(s)"
        errors.append(FieldError("/params/styles", "length", detail))
    return errors


def _drop_pictures(body: dict[str, Any]) -> dict[str, Any]:
    remaining = {name: value for name, value in body.items() if name not in _PICTURES}
    if isinstance(styles := remaining.get("styles"), list):
        remaining["styles"] = [
            {name: style[name] for name in style if name not in _STYLE_PICTURES}
            if isinstance(style, dict)
            else style
            for style in styles
        ]
    return remaining


# Files that belong to one style: field -> (role, position of the style).
STYLE_FILES = {
    f"{role}_{position}": (role, position)
    for role in ("mask", "region", "labels")
    for position in range(MAX_STYLES)
}


JOB_FORM = FormSpec(
    "a job",
    {"content": 1, "style": MAX_STYLES, "init_image": 1, "content_labels": 1}
    | dict.fromkeys(STYLE_FILES, 1),
    JSON_FIELDS,
    ("name", *OPTION_FIELDS),
    "content, style, init_image, content_labels, mask_<n>, region_<n> and labels_<n> "
    f"(of the style n, from 0 to {MAX_STYLES - 1}), "
    f"{', '.join((*JSON_FIELDS, 'name', *OPTION_FIELDS))}",
    "curl -F content=@photo.jpg -F style=@painting.jpg ...",
    f"{CURL_AS_JSON} -d "
    """'{"content": {"asset_id": "..."}, "styles": [{"image": {...}}]}'""",
)
