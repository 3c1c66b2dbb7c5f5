"""From a form to the parameters of a job: every mistake found, all named at once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from api.job_options import JobOptions, clean_name, read_options
from api.strict_json import parse_object
from api.validation import field_errors
from shared.errors import FieldError, InvalidParams
from shared.params import StyleParams

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.datastructures import FileStorage

    from api.forms import Form


@dataclass(frozen=True, slots=True)
class Picture:
    """A file of the form, what it is for, and where it stands among its kind."""

    role: str
    position: int
    file: FileStorage

    @property
    def pointer(self) -> str:
        """Where the form has it."""
        return f"/style/{self.position}" if self.role == "style" else f"/{self.role}"


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A job that may be made, once its pictures have been looked at."""

    params: StyleParams
    name: str | None
    pictures: list[Picture]
    options: JobOptions


def job_request(form: Form, now: Callable[[], float]) -> JobRequest:
    """Check all that the form says; `now` is the time of the database, seconds.

    Raises:
        MalformedJson: `params` is not strict JSON.
        InvalidParams: Values are wrong, unknown or missing.
    """
    said = parse_object(form.fields.get("params") or "{}", "params")
    errors = [*form.errors, *_missing(form, said), *_misplaced(said)]
    params = _params(said, len(form.files["style"]), errors)
    name = clean_name(form.fields.get("name", ""), errors)
    options = read_options(form.fields, now, errors)
    if params is None or errors:
        raise InvalidParams(errors)
    return JobRequest(params, name, _pictures(form), options)


def _pictures(form: Form) -> list[Picture]:
    return [
        Picture(role, position, file)
        for role, files in form.files.items()
        for position, file in enumerate(files)
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
    detail = "send the picture as a file of the form"
    return [
        FieldError(f"/params/{name}", "not-a-file", detail)
        for name in ("content", "init_image")
        if said.get(name) is not None
    ]


def _params(
    said: dict[str, Any], styles: int, errors: list[FieldError]
) -> StyleParams | None:
    said = {key: said[key] for key in said if key not in {"content", "init_image"}}
    errors.extend(_style_errors(said.get("styles"), styles))
    if "styles" not in said and styles:
        said["styles"] = [{}] * min(styles, 8)
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
        FieldError(
            f"/params/styles/{index}/image",
            "not-a-file",
            "send the picture as a file of the form",
        )
        for index, style in enumerate(said[:8])
        if isinstance(style, dict) and style.get("image") is not None
    ]
    if files and len(said) != files:
        detail = f"{len(said)} entries for {files} style file(s)"
        errors.append(FieldError("/params/styles", "length", detail))
    return errors
