"""Exceptions of this service: one tree; anything outside it is a bug.

ImpastoError
├── InvalidRequest          the caller can fix it
│   ├── InvalidParams       values out of range or unknown, all named at once
│   │   └── ImmutableField  values that cannot change once a job exists
│   ├── ImageUnreadable     bytes that are not a picture of a supported format
│   ├── ImageTooLarge       a picture with too many pixels
│   ├── UploadTooLarge      a body with too many bytes
│   ├── DigestMismatch      a body that does not match its digest
│   ├── InvalidCursor       a page token that this server did not make
│   ├── MalformedJson       text that is not strict JSON
│   ├── MalformedMultipart  a form that is cut off or malformed
│   ├── IncompleteBody      a body that broke off
│   ├── BodyTooSlow         a body that arrives too slowly
│   ├── LengthRequired      a body whose length is not announced
│   ├── UnsupportedMediaType  a media type that this address does not accept
│   ├── PreconditionRequired  a change without If-Match
│   ├── InvalidIdempotencyKey  an Idempotency-Key that cannot be stored
│   ├── IdempotencyKeyReused  an Idempotency-Key of another request
│   └── Unauthenticated     no API key, or an unknown one
├── IdempotencyInProgress   the same request is being processed
├── RateLimited             too many requests with this key, or wrong ones
├── Forbidden               of a wrong Host, a proxy or another site
│   └── ForbiddenScope      the key may not do this
├── NotFound                nothing (yet) at this address
│   └── JobNotFound         no such job, or somebody else's
├── InvalidState            the job's state does not allow the action
├── NoSuchCheckpoint        the job has no checkpoint there
├── VersionMismatch         the job has changed since the caller read it
├── ResultNotReady          the picture does not exist (yet)
│   └── ResultUnavailable   and never will: the job is over
├── ResultPurged            the retention time of the picture is over
├── JobPurged               the job was deleted by its owner
├── AssetInUse              a picture that a job still needs
├── AssetGone               a picture that a job needs was deleted
├── QueueFull               a limit of waiting jobs is reached
│   └── QuotaExceeded       the one of this owner
├── FencedOut               a newer claim owns the job: stop, write nothing
├── ServerBusy              too many uploads are being checked at once
├── TooManyUploads          too many bodies of one owner are arriving
├── TooManyStreams          too many streams and long polls are open
├── DatabaseUnavailable     the database cannot be reached now
├── SqliteSharedByHosts     a SQLite file that other hosts could open
├── UnknownSchemaRevision   a database that no migration brings to this version
├── DeviceTaken             another live worker uses this device
├── StorageError            a blob cannot be read or written now
│   ├── StorageFull         no room left for blobs
│   └── BlobMissing         no blob has this key
├── BlobDamaged             a blob whose bytes do not match their digest
├── InvalidSecretFile       the file of the signing key holds none
├── WeightsError            no usable network weights on this machine
│   ├── WeightsMissing
│   └── WeightsDamaged
└── EngineError             the optimization itself failed
    ├── OutOfMemory         the picture does not fit the device
    ├── DeviceFailed        the device itself failed, not the job
    └── Diverged            the loss stopped being a finite number
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence


class ImpastoError(Exception):
    """Base of all expected errors; anything else is a bug.

    Attributes:
        code: Stable machine-readable name, part of the public API. Errors of a
            request are hyphenated, errors kept on a job use underscores.
        retryable: Whether the same thing could succeed later without a change.
        hint: What a person can do about it; empty when there is nothing to add.
    """

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False
    hint: str = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        if hint:
            self.hint = hint


class InvalidRequest(ImpastoError):
    """The request can never succeed as it stands."""

    code = "invalid-request"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One invalid value: its JSON pointer, a short code, and what is wrong."""

    pointer: str
    code: str
    detail: str


class InvalidParams(InvalidRequest):
    """Parameters are unknown or out of range; `errors` names every one of them."""

    code = "validation"

    def __init__(self, errors: Sequence[FieldError], *, hint: str = "") -> None:
        details = "; ".join(f"{error.pointer}: {error.detail}" for error in errors)
        super().__init__(f"{len(errors)} invalid value(s): {details}", hint=hint)
        self.errors = tuple(errors)


class ImmutableField(InvalidParams):
    """Parameter that cannot change once a job exists."""

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
    """The bytes of the upload do not match the digest in the request."""

    code = "digest-mismatch"
    retryable = True
    hint = "the upload was damaged on its way, or the digest is of another file"


class InvalidCursor(InvalidRequest):
    """The page cursor was not made by this server."""

    code = "bad-cursor"
    hint = "start again without a cursor"


class MalformedJson(InvalidRequest):
    """The text is not JSON, or has a duplicate member."""

    code = "malformed-json"


class MalformedMultipart(InvalidRequest):
    """The body is cut off, or is not the form that its header announces."""

    code = "malformed-multipart"
    hint = "let an HTTP client build the form: curl -F content=@photo.jpg ..."


class IncompleteBody(InvalidRequest):
    """The body ended before its announced length; nothing was done."""

    code = "incomplete-body"
    hint = "send the request again"
    retryable = True


class BodyTooSlow(InvalidRequest):
    """The body arrived too slowly, and the connection was closed; nothing was done."""

    code = "request-timeout"
    hint = "send smaller pictures, or over a faster connection"
    retryable = True


class LengthRequired(InvalidRequest):
    """The body came without its length, so that its end could not be checked."""

    code = "length-required"
    hint = "send a Content-Length: curl does for files, though not for its input"


class UnsupportedMediaType(InvalidRequest):
    """The media type of the body is not accepted at this address."""

    code = "unsupported-media-type"


class PreconditionRequired(InvalidRequest):
    """A change of parameters lacks the revision that it is based on."""

    code = "precondition-required"
    hint = 'send the job\'s revision, If-Match: "<revision>", or the ETag of your look'


class Unauthenticated(InvalidRequest):
    """The request has no API key, or an unknown one."""

    code = "unauthenticated"
    hint = "send 'Authorization: Bearer <key>'; 'impasto keys create' makes one"


class InvalidIdempotencyKey(InvalidRequest):
    """The Idempotency-Key is not 1 to 255 printable ASCII characters."""

    code = "bad-idempotency-key"
    hint = "send any text that is new for each thing to be made, such as a UUID"


class IdempotencyKeyReused(InvalidRequest):
    """The Idempotency-Key was used for another request in the last 24 hours."""

    code = "idempotency-key-reused"
    hint = "take a new key for a new request; send the old one again unchanged"


class IdempotencyInProgress(ImpastoError):
    """The first request with this Idempotency-Key is still being processed."""

    code = "idempotency-in-progress"
    retryable = True
    hint = "send the same request again; it gets the answer of the first"


class Forbidden(ImpastoError):
    """The caller may not do this."""

    code = "forbidden"


class ForbiddenScope(Forbidden):
    """The key is valid and may not do this.

    Attributes:
        scope: Scope that the key lacks.
        errors: Values that need the scope; empty if the address needs it.
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
    """An API key, or an address with invalid keys, has exceeded its rate limit.

    Attributes:
        retry_after_seconds: Seconds until the next request is accepted.
    """

    code = "rate-limited"
    retryable = True
    hint = "wait for Retry-After; `Prefer: wait` and events ask for less than polling"

    def __init__(
        self, message: str, retry_after_seconds: int, *, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_seconds = retry_after_seconds


class NotFound(ImpastoError):
    """There is nothing at this address, or not yet."""

    code = "not-found"


class JobNotFound(NotFound):
    """No job of the caller has this id."""


class InvalidState(ImpastoError):
    """The job's state does not allow the action.

    Attributes:
        state: Current state of the job.
        allowed_actions: Actions that would work now.
    """

    code = "invalid-state"

    def __init__(
        self,
        job_id: str,
        action: str,
        state: str,
        allowed_actions: list[str],
        detail: str = "",
    ) -> None:
        names = ", ".join(allowed_actions) or "none"
        reason = f"it is {state}" + (f" and {detail}" if detail else "")
        super().__init__(
            f"cannot {action} job {job_id}: {reason}; actions allowed now: {names}"
        )
        self.state = state
        self.allowed_actions = allowed_actions


class NoSuchCheckpoint(ImpastoError):
    """The job has no stored checkpoint at this iteration.

    Attributes:
        iterations: Iterations of its checkpoints, in order.
    """

    code = "no-checkpoint"

    def __init__(self, job_id: str, requested: str, iterations: Sequence[int]) -> None:
        stored = ", ".join(map(str, iterations)) or "none"
        super().__init__(
            f"job {job_id} has no checkpoint {requested}; it has some at: {stored}",
            hint="keep_every, given when a job is submitted, keeps more of them",
        )
        self.iterations = tuple(iterations)


class VersionMismatch(ImpastoError):
    """The job has changed since the revision in the request."""

    code = "version-mismatch"
    hint = "look at the job again, and send its revision in If-Match"


class ResultNotReady(ImpastoError):
    """The job has no finished picture (yet)."""

    code = "result-not-ready"


class ResultUnavailable(ResultNotReady):
    """The job is over without a picture: waiting does not help.

    Attributes:
        state: Final state of the job.
        allowed_actions: Actions that would work now.
    """

    def __init__(
        self, job_id: str, state: str, allowed_actions: list[str], detail: str
    ) -> None:
        reason = f": {detail}" if detail else ""
        super().__init__(f"job {job_id} is {state}{reason}; it has no picture")
        self.state = state
        self.allowed_actions = allowed_actions
        hints = {
            "retry": f"POST /v1/jobs/{job_id}/retry makes a new job that tries again",
            "fork": f"POST /v1/jobs/{job_id}/fork one that goes on from a checkpoint",
        }
        applicable = [text for name, text in hints.items() if name in allowed_actions]
        self.hint = "there will be none; " + "; ".join(
            applicable or ["submit it again"]
        )


class ResultPurged(ImpastoError):
    """The picture was deleted because its retention time is over."""

    code = "purged"
    hint = "submit the job again; the operator sets how long pictures are kept"


class JobPurged(ImpastoError):
    """The job was deleted by its owner; only a tombstone is left."""

    code = "purged"
    hint = "a deleted job does not come back; submit it again"


class AssetInUse(ImpastoError):
    """An unfinished job still needs the picture.

    Attributes:
        jobs: Ids of some of these jobs.
    """

    code = "asset-in-use"
    hint = "cancel these jobs, or wait until they are over"

    def __init__(self, asset_id: str, jobs: Sequence[str]) -> None:
        super().__init__(f"asset {asset_id} is used by {', '.join(jobs)}")
        self.jobs = tuple(jobs)


class AssetGone(ImpastoError):
    """A picture that the job needs has been deleted."""

    code = "asset-gone"
    hint = "upload the picture again: it comes back under the same id"


class QueueFull(ImpastoError):
    """The limit of waiting jobs that the operator has set is reached."""

    code = "queue-full"
    retryable = True
    hint = "wait until some of the queued jobs have run, or cancel some"


class QuotaExceeded(QueueFull):
    """The limit of waiting jobs of this owner is reached."""

    code = "quota-exceeded"


class FencedOut(ImpastoError):
    """A newer claim owns the job; this worker must stop and write nothing."""

    code = "fenced_out"

    def __init__(self, job_id: str, fence: int) -> None:
        super().__init__(f"job {job_id}: fence {fence} no longer holds the lease")
        self.job_id = job_id
        self.fence = fence


class ServerBusy(ImpastoError):
    """Too many uploads are being checked at once."""

    code = "busy"
    retryable = True


class TooManyUploads(ImpastoError):
    """Too many request bodies of one owner are arriving at once."""

    code = "too-many-uploads"
    retryable = True


class TooManyStreams(ImpastoError):
    """The limit of open streams and long polls is reached.

    Attributes:
        cap: Which limit: of the whole server process, or of one owner in it.
        limit: Number of streams and long polls that it allows.
    """

    code = "too-many-streams"
    retryable = True
    hint = (
        "end one, let GET /v1/events tell of all jobs, or poll: GET /v1/jobs/{id} with "
        "If-None-Match is always answered"
    )

    def __init__(self, cap: Literal["owner", "server"], limit: int) -> None:
        scope = "of this owner " if cap == "owner" else ""
        super().__init__(
            f"{limit} streams and held requests {scope}are open, no more are kept open"
        )
        self.cap, self.limit = cap, limit


class DatabaseUnavailable(ImpastoError):
    """The database cannot be reached, or stays locked."""

    code = "unavailable"
    retryable = True
    hint = "nothing was lost; try again in a few seconds"


class SqliteSharedByHosts(ImpastoError):
    """SQLite would serve more than one host, which it cannot do safely."""

    code = "database_shared"
    hint = "use PostgreSQL: IMPASTO_DATABASE_URL=postgresql+psycopg://..."


class UnknownSchemaRevision(ImpastoError):
    """No migration starts from the schema revision of the database."""

    code = "unknown_revision"


class DeviceTaken(ImpastoError):
    """Another live worker of this host uses the same device.

    Attributes:
        last_seen: Time of that worker's last heartbeat, by the database's clock.
    """

    code = "device_taken"
    hint = "stop that worker first; for several on one CPU, start one fleet: cpu*N"

    def __init__(self, device_uuid: str, worker_id: str, last_seen: float) -> None:
        super().__init__(f"worker {worker_id} already computes on {device_uuid}")
        self.last_seen = last_seen


class StorageError(ImpastoError):
    """A blob could not be read or written."""

    code = "storage_unavailable"
    retryable = True


class StorageFull(StorageError):
    """No space is left for blobs."""

    code = "storage_full"
    hint = "free some disk space; waiting work goes on by itself"


class BlobMissing(StorageError):
    """No blob has this key now; on a shared volume it may still appear."""

    code = "input_missing"


class BlobDamaged(ImpastoError):
    """A blob's bytes do not match the digest in its row."""

    code = "input_damaged"
    hint = "upload the picture again and submit a new job"


class InvalidSecretFile(ImpastoError):
    """The file of the server's signing key holds no usable key."""

    code = "secret_unusable"
    hint = "delete the file: a new one is made, and open pages log in anew"


class WeightsError(ImpastoError):
    """The weights of a network cannot be used on this machine."""

    code = "weights_unusable"
    hint = "run 'impasto weights fetch'"


class WeightsMissing(WeightsError):
    """The weights of a network are not on this machine."""

    code = "weights_missing"


class WeightsDamaged(WeightsError):
    """The weights file does not match the digest that this version expects."""

    code = "weights_damaged"


class EngineError(ImpastoError):
    """The optimization could not produce a picture."""

    code = "engine_error"


class OutOfMemory(EngineError):
    """The picture does not fit on the device."""

    code = "out_of_memory"
    hint = "ask for a smaller max_edge"


class DeviceFailed(EngineError):
    """The device itself failed; the job may well succeed on another."""

    code = "device_error"
    retryable = True
    hint = "it is tried again elsewhere by itself; the worker's log has the details"


class Diverged(EngineError):
    """The loss stopped being a finite number."""

    code = "diverged"
    hint = "lower style_weight or tv_weight, or use the lbfgs optimizer"
