"""Content of a submission: JSON, or a form that is converted to the same JSON."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from api.assets.uploads import InvalidImages, UploadedPicture, make_upload
from api.http.json_body import JSON, read_json_object
from api.http.multipart import MULTIPART, read_form
from api.http.validation import json_pointer
from api.idempotency import begin_idempotent_request
from shared.errors import FieldError, InvalidParams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from werkzeug.datastructures import FileStorage
    from werkzeug.wrappers import Request

    from api.dependencies import Dependencies
    from api.http.multipart import Form, FormSpec
    from api.jobs.request_schemas import JobOptions
    from shared.errors import ImpastoError

R = TypeVar("R", bound="JobOptions")


@dataclass(frozen=True, slots=True)
class SubmissionContent:
    """Content of a submission, equal for a form and the same JSON.

    Attributes:
        body: Parameters and options. A picture is the id of an asset, or the SHA-256 of
            an uploaded file.
        uploads: Uploaded files by SHA-256, in hex.
        pointers: JSON pointers of the request by JSON pointers of the body, for values
            that the request has at another place.
        errors: Errors of values that the body does not contain, such as unknown parts
            of a form.
    """

    body: dict[str, Any]
    uploads: dict[str, UploadedPicture] = field(default_factory=dict)
    pointers: dict[str, str] = field(default_factory=dict)
    errors: list[FieldError] = field(default_factory=list)

    def add_file(self, file: FileStorage | str, pointer: str, part: str) -> str:
        """Add a picture of a form, and return the name that it has in the body.

        Args:
            file: File of the form, named by its SHA-256; or the id of an asset.
            pointer: JSON pointer of the body at which it is named.
            part: Name of its part of the form, for errors.
        """
        self.pointers[pointer] = f"/{part}"
        if isinstance(file, str):
            return file
        upload = make_upload(file.stream)
        self.uploads[upload.digest] = upload
        return upload.digest

    def require_valid(
        self,
        request: R | None,
        errors: Iterable[FieldError],
        refused: Mapping[str, ImpastoError],
    ) -> R:
        """Return the validated body, or raise one error that lists all invalid values.

        Args:
            request: Validated body; None if it has errors.
            errors: Errors of values, by JSON pointers of the body.
            refused: Errors of pictures that cannot be used, by the same pointers.

        Raises:
            InvalidParams: Values are wrong or missing; the pointers are those of the
                request.
            InvalidImages: Only pictures are wrong.
        """
        pointers = {error.pointer for error in self.errors}
        merged = [*self.errors]
        for error in errors:
            pointer = self._origin(error.pointer)
            if error.code != "missing" or pointer not in pointers:
                merged.append(replace(error, pointer=pointer))
        causes = {self._origin(pointer): refused[pointer] for pointer in refused}
        if causes and not merged:
            raise InvalidImages(causes)
        if causes:
            merged += InvalidImages(causes).errors
        if merged or request is None:
            raise InvalidParams(merged)
        return request

    def _origin(self, pointer: str) -> str:
        """Return the request's pointer to a value of the body, or to its parent."""
        outer, inner = pointer, ""
        while outer and outer not in self.pointers:
            outer, _, step = outer.rpartition("/")
            inner = f"/{step}{inner}"
        return self.pointers.get(outer, "") + inner


@contextmanager
def read_submission(
    request: Request,
    dependencies: Dependencies,
    spec: FormSpec,
    model: type[JobOptions],
    place_files: Callable[[SubmissionContent, Form], None],
) -> Iterator[SubmissionContent]:
    """Read a submission, form or JSON, and close its files at the end of the block.

    Args:
        request: Request of the submission.
        dependencies: Dependencies of the app.
        spec: Specification of the form; if no part is required, the body may be empty.
        model: Model of the JSON body.
        place_files: Function that names the files of a form in the body.

    Raises:
        UnsupportedMediaType: The body is neither a form nor JSON.
        MalformedJson: The JSON of the body, or of a part, is not strict.
        MalformedMultipart: The form is incomplete or damaged.
        UploadTooLarge: A file, a field or the whole body has too many bytes.
        AlreadyAnswered: A request with this Idempotency-Key was answered.
    """
    fields = spec.model.model_fields.values()
    may_be_missing = not any(field.is_required() for field in fields)
    if request.mimetype == JSON or (may_be_missing and _has_no_body(request)):
        yield _begin(SubmissionContent(read_json_object(request)), model)
        return
    with read_form(request, dependencies, spec) as form:
        content = SubmissionContent(form.fields, errors=form.errors)
        place_files(content, form)
        yield _begin(content, model)


def _has_no_body(request: Request) -> bool:
    is_empty = request.content_length == 0 and request.mimetype != MULTIPART
    return is_empty or not request.content_type


def _begin(content: SubmissionContent, model: type[JobOptions]) -> SubmissionContent:
    """Begin the idempotent request, and merge `params` into the body."""
    wrong_parts = [error.pointer for error in content.errors]
    begin_idempotent_request({"body": content.body, "wrong_parts": wrong_parts})
    body = content.body
    params = body.pop("params", None)
    params = {} if params is None else params
    if not isinstance(params, dict):
        content.errors.append(FieldError("/params", "dict-type", "must be an object"))
        return content
    misplaced = model.model_fields.keys() - model.params_model.model_fields.keys()
    for name, value in params.items():
        pointer = json_pointer(("params", name))
        if name in misplaced:
            detail = "is no parameter: it stands beside `params`"
            content.errors.append(FieldError(pointer, "misplaced", detail))
        elif value is None and name in body:
            continue  # the parameters of a job have null for a missing picture
        elif name in body:
            content.errors.append(FieldError(pointer, "repeated", "is given twice"))
        else:
            body[name] = value
            content.pointers.setdefault(json_pointer((name,)), pointer)
    return content
