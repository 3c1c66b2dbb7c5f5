"""Multipart forms: read within limits, sorted into files and fields."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from api.http.body import body_slot
from api.http.json_body import JSON
from api.http.slots import (
    MAX_FIELD_BYTES,
    BoundedFile,
    max_body_bytes,
    report_full_disk,
)
from shared.errors import (
    FieldError,
    MalformedMultipart,
    UnsupportedMediaType,
    UploadTooLarge,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from werkzeug.datastructures import FileStorage, MultiDict
    from werkzeug.wrappers import Request

    from api.dependencies import Dependencies
    from shared.settings import Settings

# Fields of JobForm that hold JSON; they are also accepted as files.
JSON_FIELDS = ("params", "segments", "tags", "metadata")

MULTIPART = "multipart/form-data"
CURL_AS_JSON = f"curl -H 'Content-Type: {JSON}'"
_EXTRA_PARTS = 4  # unknown parts that are read, so that the error can name them


@dataclass(frozen=True, slots=True)
class FormSpec:
    """Specification of a form: its fields, and words for error messages.

    Attributes:
        subject: What the form submits, for messages.
        files: Maximum number of files by field.
        json: Fields that hold JSON; they are also accepted as files.
        options: Further fields that hold text.
        known: All fields, for messages.
        example: Command that sends such a form, for hints.
        or_json: Command that sends it as JSON; empty if that is not possible.
    """

    subject: str
    files: Mapping[str, int]
    json: tuple[str, ...]
    options: tuple[str, ...]
    known: str
    example: str
    or_json: str = ""

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields that hold text."""
        return (*self.json, *self.options)

    @property
    def max_parts(self) -> int:
        """Maximum number of parts that are read."""
        return sum(self.files.values()) + len(self.fields) + _EXTRA_PARTS


@dataclass(frozen=True, slots=True)
class Form:
    """Files and fields of a received form.

    Attributes:
        files: Open files by field, in the order sent.
        fields: Text by field.
        errors: Errors of unknown, repeated or misplaced parts.
    """

    files: dict[str, list[FileStorage]]
    fields: dict[str, str]
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
    with report_full_disk(), ExitStack() as stack:
        with body_slot(request):
            texts, files = _parse(request, settings, stack, spec.max_parts)
        yield _sort_parts(texts, files, spec)


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


def _sort_parts(
    texts: MultiDict[str, str], files: MultiDict[str, FileStorage], spec: FormSpec
) -> Form:
    form = Form({name: [] for name in spec.files}, {}, [])
    for name, file in files.items(multi=True):
        if name in form.files:
            _add_file(form, name, file)
        elif name in spec.json:  # curl -F params=@params.json
            _add_text(
                form, spec, name, file.read(MAX_FIELD_BYTES).decode(errors="replace")
            )
        else:
            form.errors.append(_unknown_part(name, spec))
    for name, text in texts.items(multi=True):
        _add_text(form, spec, name, text)
    form.errors.extend(_too_many_files(form, spec))
    return form


def _add_file(form: Form, name: str, file: FileStorage) -> None:
    if file.filename or file.stream.read(1):  # else: an empty input of a web form
        file.stream.seek(0)
        form.files[name].append(file)


def _add_text(form: Form, spec: FormSpec, name: str, text: str) -> None:
    if name in form.files:
        detail = f"must be a file: curl -F {name}=@picture.jpg"
        form.errors.append(FieldError(f"/{name}", "not-a-file", detail))
    elif name not in spec.fields:
        form.errors.append(_unknown_part(name, spec))
    elif name in form.fields:
        form.errors.append(FieldError(f"/{name}", "repeated", "is given twice"))
    else:
        form.fields[name] = text


def _unknown_part(name: str, spec: FormSpec) -> FieldError:
    return FieldError(f"/{name}", "unknown", f"is not known here; use {spec.known}")


def _too_many_files(form: Form, spec: FormSpec) -> list[FieldError]:
    return [
        FieldError(
            f"/{name}", "too-many", f"{len(form.files[name])} files, at most {n}"
        )
        for name, n in spec.files.items()
        if len(form.files[name]) > n
    ]
