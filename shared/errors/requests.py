"""What is wrong with a request, whatever job it is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.errors.base import ImpastoError

if TYPE_CHECKING:
    from collections.abc import Sequence


class InvalidRequest(ImpastoError):
    """The request can never succeed as it stands."""

    code = "invalid-request"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong value: where it is (JSON pointer), a short code, what is wrong."""

    pointer: str
    code: str
    detail: str


class InvalidParams(InvalidRequest):
    """Parameters are unknown or out of range; `errors` names every one of them."""

    code = "validation"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        named = "; ".join(f"{error.pointer}: {error.detail}" for error in errors)
        super().__init__(f"{len(errors)} invalid value(s): {named}")
        self.errors = tuple(errors)


class ImmutableField(InvalidParams):
    """Something that cannot change once a job exists."""

    code = "immutable-field"
    hint = (
        "weights and iterations can change, in mid-run (PATCH) or in a fork (POST "
        "/v1/jobs/{id}/fork); anything else takes a new job"
    )


class ImageUnreadable(InvalidRequest):
    """The uploaded bytes are not a picture this service can read."""

    code = "image-unreadable"


class ImageTooLarge(InvalidRequest):
    """The picture has more pixels than this server decodes."""

    code = "image-too-large"


class UploadTooLarge(InvalidRequest):
    """The upload has more bytes than this server takes."""

    code = "upload-too-large"


class BadCursor(InvalidRequest):
    """The page cursor was not made by this server."""

    code = "bad-cursor"
    hint = "start again without a cursor"


class MalformedJson(InvalidRequest):
    """The text is not JSON, or says the same thing twice."""

    code = "malformed-json"


class MalformedMultipart(InvalidRequest):
    """The body breaks off, or is not the form that its header announces."""

    code = "malformed-multipart"
    hint = "let an HTTP client build the form: curl -F content=@photo.jpg ..."


class UnsupportedMediaType(InvalidRequest):
    """The body is of a kind that this address does not take."""

    code = "unsupported-media-type"


class PreconditionRequired(InvalidRequest):
    """Parameters change only for whoever says which revision they have seen."""

    code = "precondition-required"
    hint = 'send the job\'s revision: If-Match: "<revision>"'


class Unauthenticated(InvalidRequest):
    """The request carries no key, or one that this server does not know."""

    code = "unauthenticated"
    hint = "send 'Authorization: Bearer <key>'; 'impasto admin keys create' makes one"


class Forbidden(ImpastoError):
    """The caller is known and may not do this."""

    code = "forbidden"
