"""Parser of multipart forms, with limits: fields as JSON values, and files."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio import multipart
from werkzeug.sansio.multipart import Data, Epilogue, MultipartDecoder, NeedData
from werkzeug.wsgi import get_input_stream

from api.http.body import body_slot
from api.http.json_body import JSON, parse_json, parse_list, parse_object
from api.http.slots import (
    MAX_FIELD_BYTES,
    BoundedFile,
    max_body_bytes,
    report_full_disk,
)
from api.http.validation import MAX_NAME_SHOWN, shorten
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
    from werkzeug.wrappers import Request

    from api.dependencies import Dependencies
    from shared.settings import Settings

    Part = tuple[str, bytearray | FileStorage]  # name, and text or file
    Schema = Mapping[str, Any]

MULTIPART = "multipart/form-data"
CURL_AS_JSON = f"curl -H 'Content-Type: {JSON}'"
ASSET_PREFIX = "ast_"
_CHUNK_BYTES = 64 * 1024
_EXTRA_PARTS = 4  # unknown parts that are read, to name them in the error


@dataclass(frozen=True, slots=True)
class FormSpec:
    """Specification of a form: its model, and words for error messages.

    Attributes:
        subject: Name of the submitted thing, for messages, such as `a job`.
        model: Model of the form; its schema defines the files and the types of fields.
        example: Command that sends such a form, for hints.
        or_json: Command that sends the same as JSON; empty if JSON is not accepted.
        takes_asset_ids: True if a part may be the id of an asset instead of a file.
    """

    subject: str
    model: type[BaseModel]
    example: str
    or_json: str = ""
    takes_asset_ids: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """Content of a received form.

    Attributes:
        fields: Values by field, as in JSON.
        pictures: Open files, or ids of assets, by field, in the order of the form.
        errors: Errors of unknown, repeated or misplaced parts.
    """

    fields: dict[str, Any]
    pictures: dict[str, list[FileStorage | str]]
    errors: list[FieldError]

    @property
    def files(self) -> dict[str, list[FileStorage]]:
        """Open files by field, in the order of the form."""
        return {
            name: [file for file in pictures if isinstance(file, FileStorage)]
            for name, pictures in self.pictures.items()
        }


@contextmanager
def read_form(
    request: Request, dependencies: Dependencies, spec: FormSpec
) -> Iterator[Form]:
    """Read the form of `request`, and close its files at the end of the block.

    Raises:
        UnsupportedMediaType: The body is not a multipart form.
        UploadTooLarge: A file, a field or the whole body has too many bytes.
        MalformedMultipart: The form is incomplete or damaged.
        MalformedJson: A field that holds an object or an array is not strict JSON.
        IncompleteBody: The body ended early.
        BodyTooSlow: The body arrived too slowly.
        ServerBusy: Too many bodies are being read.
        TooManyUploads: Too many bodies of this owner are being read.
        StorageFull: There is no space for its temporary files.
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
            parts = _parse(request, settings, stack, max_parts)
        form = Form({}, {name: [] for name in file_limits}, [])
        for name, content in parts:
            _add_part(form, name, content, spec)
        for name, limit in file_limits.items():
            if len(form.pictures[name]) > limit:
                detail = f"{len(form.pictures[name])} files, at most {limit}"
                form.errors.append(FieldError(f"/{name}", "too-many", detail))
        yield form


def json_fields(model: type[BaseModel]) -> list[str]:
    """Return the fields of a form that contain JSON, as text or as a file."""
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
        name: schema
        for name, schema in _schemas(model).items()
        if not _max_files(schema)
    }


def _file_limits(model: type[BaseModel]) -> dict[str, int]:
    """Return the maximum number of files by field."""
    limits = {name: _max_files(schema) for name, schema in _schemas(model).items()}
    return {name: limit for name, limit in limits.items() if limit}


def _max_files(schema: Schema) -> int:
    """Return the maximum number of files of a field; 0 if the field is no file."""
    item = schema.get("items", schema)
    is_file = any(
        option.get("format") == "binary" for option in item.get("anyOf", [item])
    )
    return int(schema.get("maxItems", 1)) if is_file else 0


def _types(schema: Schema) -> set[str]:
    """Return the JSON types of a field; a reference means an object."""
    options = schema.get("anyOf", [schema])
    return {str(option.get("type", "object")) for option in options} - {"null"}


def _check_length(request: Request, settings: Settings) -> None:
    limit = max_body_bytes(settings)
    if (request.content_length or 0) > limit:
        raise UploadTooLarge(
            f"the upload has {request.content_length:,} bytes; at most {limit:,}",
            hint="scale the pictures down or save them as JPEG",
        )


def _read_parts(
    request: Request, settings: Settings, stack: ExitStack, max_parts: int
) -> list[Part]:
    """Yield the parts of a form in order: texts as bytes, files as files."""
    boundary = request.mimetype_params.get("boundary", "").encode("ascii")
    if not boundary:
        raise ValueError("its boundary is missing")
    decoder = MultipartDecoder(boundary, MAX_FIELD_BYTES, max_parts=max_parts)
    stream = get_input_stream(
        request.environ, max_content_length=max_body_bytes(settings)
    )
    parts: list[Part] = []
    chunk: bytes | None = b""
    while chunk is not None:
        chunk = stream.read(_CHUNK_BYTES) or None  # None: the end
        decoder.receive_data(chunk)
        while not isinstance(event := decoder.next_event(), Epilogue | NeedData):
            if isinstance(event, multipart.Field | multipart.File):
                parts.append(_open_part(event, settings, stack))
            elif isinstance(event, Data):
                _write(parts[-1][1], event.data)
    return parts


def _open_part(
    event: multipart.Field | multipart.File, settings: Settings, stack: ExitStack
) -> Part:
    if event.name is None:
        raise ValueError("a part has no name")
    if isinstance(event, multipart.Field):
        return event.name, bytearray()
    file = stack.enter_context(BoundedFile(settings.max_upload_bytes, event.filename))
    return event.name, FileStorage(
        file, event.filename, event.name, headers=event.headers
    )


def _write(content: bytearray | FileStorage, data: bytes) -> None:
    if isinstance(content, FileStorage):
        content.stream.write(data)
    elif len(content) + len(data) > MAX_FIELD_BYTES:
        raise RequestEntityTooLarge
    else:
        content += data


def _parse(
    request: Request, settings: Settings, stack: ExitStack, max_parts: int
) -> list[Part]:
    try:
        parts = _read_parts(request, settings, stack, max_parts)
    except RequestEntityTooLarge as error:
        raise UploadTooLarge(
            f"the form is too large: at most {MAX_FIELD_BYTES:,} bytes of text, "
            f"{max_parts} parts, {max_body_bytes(settings):,} bytes in all"
        ) from error
    except ValueError as error:
        raise MalformedMultipart(f"the form cannot be read: {error}") from error
    for _, content in parts:
        if isinstance(content, FileStorage):
            content.stream.seek(0)
    return parts


def _add_part(
    form: Form, name: str, content: bytearray | FileStorage, spec: FormSpec
) -> None:
    if name in form.pictures:
        _add_picture(form, name, content, spec)
    elif name not in _field_schemas(spec.model):
        form.errors.append(_unknown_part(name, spec.model))
    elif isinstance(content, bytearray):
        _add_field(form, name, content, spec.model)
    elif name in json_fields(spec.model):  # curl -F params=@params.json
        data = content.read(MAX_FIELD_BYTES + 1)
        if len(data) > MAX_FIELD_BYTES:
            raise UploadTooLarge(
                f"the file of {name!r} has more than {MAX_FIELD_BYTES:,} bytes"
            )
        _add_field(form, name, data, spec.model)
    else:
        form.errors.append(_unknown_part(name, spec.model))


def _add_picture(
    form: Form, name: str, content: bytearray | FileStorage, spec: FormSpec
) -> None:
    """Add a file to the form, or the id of an asset in its place."""
    if isinstance(content, FileStorage):
        if content.filename or content.stream.read(1):  # no empty input of a page
            content.stream.seek(0)
            form.pictures[name].append(content)
        return
    text = content.decode(errors="replace").strip()
    if spec.takes_asset_ids and text.startswith(ASSET_PREFIX):
        form.pictures[name].append(text)
        return
    or_id = f", or the id of an asset: -F {name}={ASSET_PREFIX}..."
    detail = f"must be a file: curl -F {name}=@picture.jpg"
    detail += or_id if spec.takes_asset_ids else ""
    form.errors.append(FieldError(f"/{name}", "not-a-file", detail))


def _add_field(
    form: Form, name: str, content: bytes | bytearray, model: type[BaseModel]
) -> None:
    try:
        text = content.decode().strip()
    except UnicodeDecodeError as error:
        detail = f"is not UTF-8, at byte {error.start}"
        form.errors.append(FieldError(f"/{name}", "encoding", detail))
        return
    if name in form.fields:
        form.errors.append(FieldError(f"/{name}", "repeated", "is given twice"))
    elif text:  # an empty input of a page counts as missing
        form.fields[name] = _read_value(name, text, _field_schemas(model)[name])


def _read_value(name: str, text: str, schema: Schema) -> object:
    """Return the JSON value of a field by its type; a model validates it later."""
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
    names = dict.fromkeys(re.sub(r"_\d+$", "_<n>", part) for part in _schemas(model))
    detail = f"is not known here; use {', '.join(names)}"
    return FieldError(f"/{shorten(name, MAX_NAME_SHOWN)}", "unknown", detail)
