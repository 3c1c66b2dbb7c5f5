"""The multipart forms of new jobs: read within limits, sorted into files and fields."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from api.http.json_body import JSON
from api.http.slots import (
    MAX_FIELD_BYTES,
    BoundedFile,
    max_body_bytes,
    one_place,
    temporary_room,
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

    from api.dependencies import Services
    from shared.settings import Settings

JSON_FIELDS = (
    "params",
    "segments",
    "tags",
    "metadata",
)  # of JobForm; also taken as files

MULTIPART = "multipart/form-data"
_AS_JSON = f"curl -H 'Content-Type: {JSON}'"
_SLACK_PARTS = 4  # unknown ones are named, rather than refused unread


@dataclass(frozen=True, slots=True)
class FormKind:
    """What a form may have.

    Attributes:
        what: It submits.
        files: How many of each field at most.
        json: Fields that hold JSON; also taken as files.
        options: Further fields that hold text.
        known: All of its fields, for people.
        example: How one is sent.
        or_json: How it is sent as JSON; empty where it is not.
    """

    what: str
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
        """Parts that are read."""
        return sum(self.files.values()) + len(self.fields) + _SLACK_PARTS


@dataclass(frozen=True, slots=True)
class Form:
    """What arrived.

    Attributes:
        files: Open files by field, in the order sent.
        fields: Text by field.
        errors: Parts that have no place here.
    """

    files: dict[str, list[FileStorage]]
    fields: dict[str, str]
    errors: list[FieldError]


@contextmanager
def received(request: Request, services: Services, kind: FormKind) -> Iterator[Form]:
    """Read the form of `request`; its files are closed when the block ends.

    Raises:
        UnsupportedMediaType: The body is no multipart form.
        UploadTooLarge: A file, a field or the whole has too many bytes.
        MalformedMultipart: The form breaks off or is damaged.
        ServerBusy: Too many forms are being read.
        StorageFull: There is no room for its files while they are checked.
    """
    settings = services.settings
    if request.mimetype != MULTIPART:
        sent = request.mimetype or "nothing"
        ways = f"{MULTIPART} or {JSON}" if kind.or_json else MULTIPART
        raise UnsupportedMediaType(
            f"{kind.what} is sent as {ways}, not {sent}",
            hint=" or ".join(filter(None, (kind.example, kind.or_json))),
        )
    _check_length(request, settings)
    with temporary_room(), ExitStack() as stack:
        with one_place(services.uploads):
            texts, files = _parse(request, settings, stack, kind.max_parts)
        yield _sorted(texts, files, kind)


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


def _sorted(
    texts: MultiDict[str, str], files: MultiDict[str, FileStorage], kind: FormKind
) -> Form:
    form = Form({name: [] for name in kind.files}, {}, [])
    for name, file in files.items(multi=True):
        if name in form.files:
            _add_file(form, name, file)
        elif name in kind.json:  # curl -F params=@params.json
            _add_text(
                form, kind, name, file.read(MAX_FIELD_BYTES).decode(errors="replace")
            )
        else:
            form.errors.append(_unknown(name, kind))
    for name, text in texts.items(multi=True):
        _add_text(form, kind, name, text)
    form.errors.extend(_too_many(form, kind))
    return form


def _add_file(form: Form, name: str, file: FileStorage) -> None:
    if file.filename or file.stream.read(1):  # else: an empty input of a web form
        file.stream.seek(0)
        form.files[name].append(file)


def _add_text(form: Form, kind: FormKind, name: str, text: str) -> None:
    if name in form.files:
        detail = f"must be a file: curl -F {name}=@picture.jpg"
        form.errors.append(FieldError(f"/{name}", "not-a-file", detail))
    elif name not in kind.fields:
        form.errors.append(_unknown(name, kind))
    elif name in form.fields:
        form.errors.append(FieldError(f"/{name}", "repeated", "is given twice"))
    else:
        form.fields[name] = text


def _unknown(name: str, kind: FormKind) -> FieldError:
    return FieldError(f"/{name}", "unknown", f"is not known here; use {kind.known}")


def _too_many(form: Form, kind: FormKind) -> list[FieldError]:
    return [
        FieldError(
            f"/{name}", "too-many", f"{len(form.files[name])} files, at most {n}"
        )
        for name, n in kind.files.items()
        if len(form.files[name]) > n
    ]
