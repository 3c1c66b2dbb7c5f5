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

    def __init__(self, errors: Sequence[FieldError], *, hint: str = "") -> None:
        named = "; ".join(f"{error.pointer}: {error.detail}" for error in errors)
        super().__init__(f"{len(errors)} invalid value(s): {named}", hint=hint)
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


class DigestMismatch(InvalidRequest):
    """The bytes that arrived are not those whose digest was told."""

    code = "digest-mismatch"
    retryable = True
    hint = "the upload was damaged on its way, or the digest is of another file"


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
    hint = 'send the job\'s revision, If-Match: "<revision>", or the ETag of your look'


class Unauthenticated(InvalidRequest):
    """The request carries no key, or one that this server does not know."""

    code = "unauthenticated"
    hint = "send 'Authorization: Bearer <key>'; 'impasto keys create' makes one"


class BadIdempotencyKey(InvalidRequest):
    """The Idempotency-Key is not 1 to 255 printable ASCII characters."""

    code = "bad-idempotency-key"
    hint = "send any text that is new for each thing to be made, such as a UUID"


class IdempotencyKeyReused(InvalidRequest):
    """The Idempotency-Key came with another request in the last 24 hours."""

    code = "idempotency-key-reused"
    hint = "take a new key for a new request; send the old one again unchanged"


class IdempotencyInProgress(ImpastoError):
    """The first request with this Idempotency-Key is not answered yet."""

    code = "idempotency-in-progress"
    retryable = True
    hint = "send the same request again; it gets the answer of the first"


class Forbidden(ImpastoError):
    """The caller is known and may not do this."""

    code = "forbidden"


class ForbiddenScope(Forbidden):
    """The key is valid and may not do this.

    Attributes:
        scope: The word that the key would need.
        errors: The values that it would need it for; none: the address.
    """

    code = "forbidden-scope"
    hint = "GET /v1/me tells what a key may do; another key may do more"

    def __init__(
        self, message: str, scope: str, errors: Sequence[FieldError] = ()
    ) -> None:
        super().__init__(message)
        self.scope = scope
        self.errors = tuple(errors)


class RateLimited(ImpastoError):
    """A key, or an address with wrong keys, has made too many requests in this time.

    Attributes:
        retry_after_seconds: When the next one is taken.
    """

    code = "rate-limited"
    retryable = True
    hint = "wait for Retry-After; `Prefer: wait` and events ask for less than polling"

    def __init__(
        self, message: str, retry_after_seconds: int, *, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_seconds = retry_after_seconds
