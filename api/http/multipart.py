"""Multipart forms: read within limits; their fields as JSON values, and their files."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from api.http.body import body_slot
from api.http.json_body import JSON, parse_json, parse_list, parse_object
from api.http.slots import (
    MAX_FIELD_BYTES,
    BoundedFile,
    max_body_bytes,
    report_full_disk,
)
from shared.errors import (
    FieldError,
    MalformedJson,
    MalformedMultipart,
    UnsupportedMediaType,
    UploadTooLarge,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import BaseModel
    from werkzeug.datastructures import FileStorage, MultiDict
    from werkzeug.wrappers import Request

    from api.dependencies import Dependencies
    from shared.settings import Settings

    Schema = Mapping[str, Any]

MULTIPART = "multipart/form-data"
CURL_AS_JSON = f"curl -H 'Content-Type: {JSON}'"
_EXTRA_PARTS = 4  # unknown parts that are read, so that the error can name them


@dataclass(frozen=True, slots=True)
class FormSpec:
    """Specification of a form: its model, and words for error messages.

    Attributes:
        subject: Name of the submitted thing, for messages, such as `a job`.
        model: Model of the form, whose schema has its files and the types of its
            fields.
        example: Command that sends such a form, for hints.
        or_json: Command that sends it as JSON; empty if that is not possible.
    """

    subject: str
    model: type[BaseModel]
    example: str
    or_json: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """Content of a received form.

    Attributes:
        fields: Values by field, as they would be in JSON.
        files: Open files by field, in the order sent.
        errors: Errors of unknown, repeated or misplaced parts.
    """

    fields: dict[str, Any]
    files: dict[str, list[FileStorage]]
    errors: list[FieldError]


@contextmanager
def read_form(
    request: Request, dependencies: Dependencies, spec: FormSpec
) -> Iterator[Form]:
    """Read the form of `request`; its files are closed when the block ends.

    Raises:
        UnsupportedMediaType: The body is not a multipart form.
        UploadTooLarge: A file, a field or the whole body has too many bytes.
        MalformedMultipart: The form breaks off or is damaged.
        MalformedJson: A field that holds an object or an array is not strict JSON.
        IncompleteBody: The body broke off.
        BodyTooSlow: It arrived too slowly.
        ServerBusy: Too many bodies are being read.
        TooManyUploads: Too many of this owner are.
        StorageFull: There is no space for its files while they are checked.
    """
    settings = dependencies.settings
    if request.mimetype != MULTIPART:
        sent = request.mimetype or "nothing"
        accepted = f"{MULTIPART} or {JSON}" if spec.or_json else MULTIPART
        raise UnsupportedMediaType(
            f"{spec.subject} is sent as {accepted}, not {sent}",
            hint=" or ".join(filter(None, (spec.example, spec.or_json))),
        )
    _check_length(request, settings)
    file_limits, schemas = _file_limits(spec.model), _field_schemas(spec.model)
    max_parts = sum(file_limits.values()) + len(schemas) + _EXTRA_PARTS
    with report_full_disk(), ExitStack() as stack:
        with body_slot(request):
            texts, files = _parse(request, settings, stack, max_parts)
        form = Form({}, {name: [] for name in file_limits}, [])
        _sort_files(form, files, texts, spec.model)
        for name, text in texts.items(multi=True):
            _add_field(form, name, text, spec.model)
        yield form


def json_fields(model: type[BaseModel]) -> list[str]:
    """Return the fields of a form that hold JSON; they are also accepted as files."""
    return [
        name
        for name, schema in _field_schemas(model).items()
        if _types(schema) & {"object", "array"}
    ]


@cache
def _schemas(model: type[BaseModel]) -> dict[str, Schema]:
    properties: dict[str, Schema] = model.model_json_schema()["properties"]
    return properties


def _field_schemas(model: type[BaseModel]) -> dict[str, Schema]:
    return {
        name: each for name, each in _schemas(model).items() if not _max_files(each)
    }


def _file_limits(model: type[BaseModel]) -> dict[str, int]:
    """Return the maximum number of files by field."""
    limits = {name: _max_files(schema) for name, schema in _schemas(model).items()}
    return {name: limit for name, limit in limits.items() if limit}


def _max_files(schema: Schema) -> int:
    """Return how many files a field may have; 0 if it holds none."""
    item = schema.get("items", schema)
    is_file = any(
        option.get("format") == "binary" for option in item.get("anyOf", [item])
    )
    return int(schema.get("maxItems", 1)) if is_file else 0


def _types(schema: Schema) -> set[str]:
    """Return the JSON types that a field may have; a reference is to an object."""
    options = schema.get("anyOf", [schema])
    return {str(option.get("type", "object")) for option in options} - {"null"}


def _check_length(request: Request, settings: Settings) -> None:
    limit = max_body_bytes(settings)
    if (request.content_length or 0) > limit:
        raise UploadTooLarge(
            f"the upload has {request.content_length:,} bytes; at most {limit:,}",
            hint="scale the pictures down or save them as JPEG",
        )


def _parse(
    request: Request, settings: Settings, stack: ExitStack, max_parts: int
) -> tuple[MultiDict[str, str], MultiDict[str, FileStorage]]:
    def bounded_file(
        *_: object, filename: str | None = None, **__: object
    ) -> BoundedFile:
        return stack.enter_context(BoundedFile(settings.max_upload_bytes, filename))

    parser = FormDataParser(
        stream_factory=bounded_file,
        max_form_memory_size=MAX_FIELD_BYTES,
        max_content_length=max_body_bytes(settings),
        max_form_parts=max_parts,
        silent=False,
    )
    try:
        _, texts, files = parser.parse_from_environ(request.environ)
    except RequestEntityTooLarge as error:
        raise UploadTooLarge(
            f"the form is too large: at most {MAX_FIELD_BYTES:,} bytes of text, "
            f"{max_parts} parts, {max_body_bytes(settings):,} bytes in all"
        ) from error
    except ValueError as error:
        raise MalformedMultipart(f"the form cannot be read: {error}") from error
    return texts, files


def _sort_files(
    form: Form,
    files: MultiDict[str, FileStorage],
    texts: MultiDict[str, str],
    model: type[BaseModel],
) -> None:
    """Add the files to the form; those of JSON fields become texts."""
    for name, file in files.items(multi=True):
        if name in form.files:
            if file.filename or file.stream.read(1):  # else: an empty input of a page
                file.stream.seek(0)
                form.files[name].append(file)
        elif name in json_fields(model):  # curl -F params=@params.json
            texts.add(name, file.read(MAX_FIELD_BYTES).decode(errors="replace"))
        else:
            form.errors.append(_unknown_part(name, model))
    for name, limit in _file_limits(model).items():
        if len(form.files[name]) > limit:
            detail = f"{len(form.files[name])} files, at most {limit}"
            form.errors.append(FieldError(f"/{name}", "too-many", detail))


def _add_field(form: Form, name: str, text: str, model: type[BaseModel]) -> None:
    schema = _field_schemas(model).get(name)
    if name in form.files:
        detail = f"must be a file: curl -F {name}=@picture.jpg"
        form.errors.append(FieldError(f"/{name}", "not-a-file", detail))
    elif schema is None:
        form.errors.append(_unknown_part(name, model))
    elif name in form.fields:
        form.errors.append(FieldError(f"/{name}", "repeated", "is given twice"))
    elif text.strip():  # an empty input of a page is as good as none
        form.fields[name] = _read_value(name, text.strip(), schema)


def _read_value(name: str, text: str, schema: Schema) -> object:
    """Return the JSON value of a field, by its type; a model checks it later."""
    types = _types(schema)
    if "object" in types:
        return parse_object(text, name, _example(schema, "{...}"))
    if "array" in types:
        return parse_list(text, name, _example(schema, "[...]"))
    if types & {"integer", "number"}:
        with suppress(MalformedJson):
            number = parse_json(text, name)
            return number if isinstance(number, int | float) else text
    return text


def _example(schema: Schema, default: str) -> str:
    examples = schema.get("examples")
    return json.dumps(examples[0]) if examples else default


def _unknown_part(name: str, model: type[BaseModel]) -> FieldError:
    known = dict.fromkeys(re.sub(r"_\d+$", "_<n>", each) for each in _schemas(model))
    detail = f"is not known here; use {', '.join(known)}"
    return FieldError(f"/{name}", "unknown", detail)
