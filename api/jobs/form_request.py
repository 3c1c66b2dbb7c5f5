"""From a form to the parameters of a job: every mistake found, all named at once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from api.assets.uploads import Picture
from api.http.json_body import parse_object
from api.http.multipart import _AS_JSON, JSON_FIELDS, FormKind
from api.http.validation import clean_name, field_errors
from api.jobs.options import FIELDS as OPTIONS
from api.jobs.options import JobOptions, read_options, read_segments
from shared.errors import FieldError, InvalidParams
from shared.params.style import MAX_STYLES, StyleParams

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.http.multipart import Form
    from shared.params.segments import Segment

_PICTURES = ("content", "init_image")
_STYLE_PICTURES = ("image", "mask", "region")
_AS_FILE = "send the picture as a file of the form"


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A job that may be made, once its pictures have been looked at."""

    params: StyleParams
    name: str | None
    pictures: list[Picture]
    segments: tuple[Segment, ...]
    options: JobOptions


def job_request(form: Form, now: Callable[[], float]) -> JobRequest:
    """Check all that the form says; `now` is the time of the database, seconds.

    Raises:
        MalformedJson: `params` or `segments` is not strict JSON.
        InvalidParams: Values are wrong, unknown or missing.
    """
    said = parse_object(
        form.fields.get("params") or "{}", "params", '{"max_edge": 512}'
    )
    errors = [*form.errors, *_missing(form, said), *_misplaced(said), *_astray(form)]
    params = _params(said, len(form.files["style"]), errors)
    name = clean_name(form.fields.get("name", ""), errors)
    segments = read_segments(form.fields.get("segments") or "[]", params, errors)
    options = read_options(form.fields, now, errors)
    if params is None or errors:
        raise InvalidParams(errors)
    return JobRequest(params, name, pictures_of(form), segments, options)


def pictures_of(form: Form) -> list[Picture]:
    """Say of each file what it is for."""
    pictures = []
    for field, files in form.files.items():
        role, first = STYLE_FILES.get(field, (field, 0))
        pictures += [Picture(role, n, file) for n, file in enumerate(files, first)]
    return pictures


def _astray(form: Form) -> list[FieldError]:
    """Masks and regions of styles that were not sent."""
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


def _missing(form: Form, said: dict[str, Any]) -> list[FieldError]:
    needed = {"content": "the photo", "style": "the painting whose style it gets"}
    if said.get("init") == "image":
        needed["init_image"] = "the picture to start from"
    told = {error.pointer for error in form.errors}
    errors = [
        FieldError(f"/{name}", "missing", f"{what} is missing")
        for name, what in needed.items()
        if not form.files[name] and f"/{name}" not in told
    ]
    if form.files["init_image"] and said.get("init") != "image":
        detail = 'is used only with "init": "image"'
        errors.append(FieldError("/init_image", "unused", detail))
    return errors


def _misplaced(said: dict[str, Any]) -> list[FieldError]:
    return [
        FieldError(f"/params/{name}", "not-a-file", _AS_FILE)
        for name in _PICTURES
        if said.get(name) is not None
    ]


def _params(
    said: dict[str, Any], styles: int, errors: list[FieldError]
) -> StyleParams | None:
    errors.extend(_style_errors(said.get("styles"), styles))
    said = _without_pictures(said)
    if "styles" not in said and styles:
        said["styles"] = [{}] * min(styles, MAX_STYLES)
    try:
        # Strict: "512" and true are no numbers.
        return StyleParams.model_validate_json(json.dumps(said), strict=True)
    except ValidationError as error:
        errors.extend(field_errors(error, StyleParams, "/params"))
        return None


def _style_errors(said: object, files: int) -> list[FieldError]:
    if not isinstance(said, list):
        return []
    errors = [
        FieldError(f"/params/styles/{index}/{name}", "not-a-file", _AS_FILE)
        for index, style in enumerate(said[:MAX_STYLES])
        if isinstance(style, dict)
        for name in _STYLE_PICTURES
        if style.get(name) is not None
    ]
    if files and len(said) != files:
        detail = f"{len(said)} entries for {files} style file(s)"
        errors.append(FieldError("/params/styles", "length", detail))
    return errors


def _without_pictures(said: dict[str, Any]) -> dict[str, Any]:
    left = {name: value for name, value in said.items() if name not in _PICTURES}
    if isinstance(styles := left.get("styles"), list):
        left["styles"] = [
            {name: style[name] for name in style if name not in _STYLE_PICTURES}
            if isinstance(style, dict)
            else style
            for style in styles
        ]
    return left


# Files that belong to one style: field -> (role, the style's position).
STYLE_FILES = {
    f"{role}_{position}": (role, position)
    for role in ("mask", "region")
    for position in range(MAX_STYLES)
}


JOB_FORM = FormKind(
    "a job",
    {"content": 1, "style": MAX_STYLES, "init_image": 1}
    | dict.fromkeys(STYLE_FILES, 1),
    JSON_FIELDS,
    ("name", *OPTIONS),
    "content, style, init_image, mask_<n> and region_<n> (of the style n, from 0 to "
    f"{MAX_STYLES - 1}), {', '.join((*JSON_FIELDS, 'name', *OPTIONS))}",
    "curl -F content=@photo.jpg -F style=@painting.jpg ...",
    f"{_AS_JSON} -d "
    """'{"content": {"asset_id": "..."}, "styles": [{"image": {...}}]}'""",
)
