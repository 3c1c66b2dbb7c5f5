"""All expected errors of the service, as one tree of classes.

The first line of a class is the title of its problem document. A class inherits the
keywords that it leaves out. docs/errors.md and /problems/ are made from this module.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class FieldError:
    """Invalid value of a request: its JSON pointer, a short code and the problem."""

    pointer: str
    code: str
    detail: str


class ImpastoError(Exception):
    """Base of all expected errors; anything else is a bug.

    Attributes:
        code: Stable name; part of the public API, also as `error.code` of a job.
        status: HTTP status of the response, or None if no response has this error.
        title: First line of the docstring of the class.
        retryable: True if the same request or job may succeed later without a change.
        retry_after_seconds: Seconds after which a retry may succeed, if known.
        hint: Next step for the user; empty if there is none.
        remedy: Hint in docs/errors.md and /problems/, if `hint` differs by case.
        errors: All invalid values of the request.
        members: Further members of the problem document.
    """

    code: str = "internal"
    status: int | None = None
    title: str = ""
    retryable: bool = False
    retry_after_seconds: int | None = None
    hint: str = ""
    remedy: str = ""
    errors: tuple[FieldError, ...] = ()
    members: Mapping[str, object] = {}

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        if hint:
            self.hint = hint

    @override
    def __init_subclass__(
        cls,
        code: str | None = None,
        status: int | None = None,
        *,
        retryable: bool | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init_subclass__()
        cls.title = (inspect.getdoc(cls) or "").partition("\n")[0].rstrip(".")
        cls.code = code or cls.code
        cls.status = status or cls.status
        cls.retry_after_seconds = retry_after or cls.retry_after_seconds
        cls.remedy = cls.__dict__.get("remedy") or cls.hint or cls.remedy
        if retryable is not None or retry_after:
            cls.retryable = bool(retryable or retry_after)


# --- The request itself


class InternalError(ImpastoError, code="internal", status=500):
    """This is a bug in Impasto."""

    hint = "give the request id to the operator: the log has the details under it"


class BadRequest(ImpastoError, code="bad-request", status=400):
    """The request is not valid HTTP for this address."""

    hint = "see /docs"


class MethodNotAllowed(ImpastoError, code="method-not-allowed", status=405):
    """The address does not accept this method; Allow names the accepted ones."""

    hint = "see /docs"


class RangeNotSatisfiable(ImpastoError, code="range-not-satisfiable", status=416):
    """The Range begins after the end; Content-Range has the number of bytes."""

    hint = "request an earlier range, or leave Range out"


class InvalidParams(ImpastoError, code="validation", status=422):
    """Some values are unknown or not valid; `errors` names every one of them."""

    remedy = "correct the values that `errors` names, and send the request again"

    def __init__(self, errors: Sequence[FieldError], *, hint: str = "") -> None:
        details = "; ".join(f"{error.pointer}: {error.detail}" for error in errors)
        super().__init__(f"{len(errors)} invalid value(s): {details}", hint=hint)
        self.errors = tuple(errors)


class ImmutableField(InvalidParams, code="immutable-field"):
    """Some values cannot change once a job exists."""

    hint = (
        "weights and iterations can change, during the run (PATCH) or in a fork (POST "
        "/v1/jobs/{id}/fork); for anything else submit a new job"
    )


class ImageUnreadable(ImpastoError, code="image-unreadable", status=422):
    """The uploaded bytes are not a picture this service can read."""

    remedy = "send a PNG, JPEG, WebP, TIFF or AVIF file that a viewer can open"


class ImageTooLarge(ImpastoError, code="image-too-large", status=422):
    """The picture has more pixels than this server decodes."""

    remedy = "scale the picture down; /v1/capabilities has the limit"


class UploadTooLarge(ImpastoError, code="upload-too-large", status=413):
    """The upload has more bytes than this server takes."""

    remedy = (
        "scale the picture down or save it as JPEG; /v1/capabilities has the limits"
    )


class DigestMismatch(ImpastoError, code="digest-mismatch", status=409, retryable=True):
    """The bytes of the upload do not match the digest in the request."""

    hint = "the upload was damaged on its way, or the digest is of another file"


class InvalidCursor(ImpastoError, code="bad-cursor", status=400):
    """The page cursor was not made by this server."""

    hint = "start again without a cursor"


class MalformedJson(ImpastoError, code="malformed-json", status=400):
    """The text is not JSON, or has a duplicate member."""

    remedy = "correct the JSON at the place that `detail` names"


class MalformedMultipart(ImpastoError, code="malformed-multipart", status=400):
    """The body is cut off, or is not the form that its header announces."""

    hint = "let an HTTP client build the form: curl -F content=@photo.jpg ..."


class IncompleteBody(ImpastoError, code="incomplete-body", status=400, retryable=True):
    """The body ended before its announced length; nothing was done."""

    hint = "send the request again"


class BodyTooSlow(ImpastoError, code="request-timeout", status=408, retryable=True):
    """The body arrived too slowly, and the connection was closed; nothing was done."""

    hint = "send smaller pictures, or over a faster connection"


class LengthRequired(ImpastoError, code="length-required", status=411):
    """The body came without its length, so that its end could not be checked."""

    hint = "send a Content-Length; curl does so for files, but not for piped data"


class UnsupportedMediaType(ImpastoError, code="unsupported-media-type", status=415):
    """The media type of the body is not accepted at this address."""

    remedy = "send the Content-Type that `hint` names"


class InvalidIdempotencyKey(ImpastoError, code="bad-idempotency-key", status=400):
    """The Idempotency-Key is not 1 to 255 printable ASCII characters."""

    hint = "send a text that is new for each request, such as a UUID"


class IdempotencyKeyReused(ImpastoError, code="idempotency-key-reused", status=422):
    """The Idempotency-Key was used for another request in the last 24 hours."""

    hint = "use a new key for a new request; to repeat the old one, send it unchanged"


class IdempotencyInProgress(
    ImpastoError, code="idempotency-in-progress", status=409, retry_after=1
):
    """The first request with this Idempotency-Key is still being processed."""

    hint = "send the same request again; it gets the answer of the first"


# --- Authentication and rate limits


class Unauthenticated(ImpastoError, code="unauthenticated", status=401):
    """The request has no API key, or an unknown one."""

    hint = "send 'Authorization: Bearer <key>'; 'impasto keys create' makes one"


class Forbidden(ImpastoError, code="forbidden", status=403):
    """The caller may not do this."""

    remedy = "see docs/keys.md: who may use the server, and from where"


class ForbiddenScope(Forbidden, code="forbidden-scope"):
    """The key is valid, but does not allow this.

    Attributes:
        scope: Scope that the key lacks.
        errors: Values that need the scope; empty if the address needs it.
    """

    hint = "use a key with this scope; GET /v1/me shows the scopes of a key"

    def __init__(
        self, message: str, scope: str, errors: Sequence[FieldError] = ()
    ) -> None:
        super().__init__(message)
        self.scope = scope
        self.members = {"scope": scope}
        self.errors = tuple(errors)


class RateLimited(ImpastoError, code="rate-limited", status=429, retry_after=1):
    """An API key, or an address with invalid keys, has exceeded its rate limit."""

    hint = "wait for Retry-After; long polls and streams need fewer requests than polls"

    def __init__(
        self, message: str, retry_after_seconds: int, *, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_seconds = retry_after_seconds


class ServerBusy(ImpastoError, code="busy", status=503, retry_after=5):
    """Too many uploads are being checked at once."""

    remedy = "wait for Retry-After, then send the same request again"


class TooManyUploads(ImpastoError, code="too-many-uploads", status=429, retry_after=5):
    """Too many request bodies of one owner are arriving at once."""

    remedy = "send fewer bodies at once; Retry-After says when to go on"


class TooManyStreams(ImpastoError, code="too-many-streams", status=429, retry_after=5):
    """The limit of open streams and long polls is reached.

    Args:
        cap: Scope of the limit: the whole server process, or one owner in it.
        limit: Maximum number of streams and long polls.
    """

    hint = (
        "close one, use one stream for all jobs (GET /v1/events), or poll: GET "
        "/v1/jobs/{id} without Prefer is always answered"
    )

    def __init__(self, cap: Literal["owner", "server"], limit: int) -> None:
        scope = "of this owner " if cap == "owner" else ""
        super().__init__(
            f"{limit} streams and long polls {scope}are open, which is the limit"
        )
        self.members = {"cap": cap, "most": limit}


# --- Jobs and pictures


class NotFound(ImpastoError, code="not-found", status=404):
    """There is nothing at this address, or not yet."""

    remedy = "check the id, and whose key was sent; `urls` name what is there"


class JobNotFound(NotFound):
    """No job of the caller has this id."""


class InvalidState(ImpastoError, code="invalid-state", status=409):
    """The job's state does not allow the action."""

    remedy = "read the job again: `allowed_actions` says what is possible now"

    def __init__(
        self,
        job_id: str,
        action: str,
        state: str,
        allowed_actions: list[str],
        detail: str = "",
        *,
        hint: str = "",
    ) -> None:
        names = ", ".join(allowed_actions) or "none"
        reason = f"it is {state}" + (f" and {detail}" if detail else "")
        super().__init__(
            f"cannot {action} job {job_id}: {reason}; actions allowed now: {names}",
            hint=hint,
        )
        self.members = {"state": state, "allowed_actions": allowed_actions}


class NoSuchCheckpoint(ImpastoError, code="no-checkpoint", status=409):
    """The job has no stored checkpoint at this iteration."""

    hint = "submit jobs with keep_every to keep more checkpoints"

    def __init__(self, job_id: str, requested: str, iterations: Sequence[int]) -> None:
        stored = ", ".join(map(str, iterations)) or "none"
        super().__init__(
            f"job {job_id} has no checkpoint {requested}; it has these: {stored}"
        )
        self.members = {"checkpoints": list(iterations)}


class PreconditionRequired(ImpastoError, code="precondition-required", status=428):
    """A change of parameters lacks the revision that it is based on."""

    hint = 'send If-Match: "<revision>", with the revision that your change is based on'


class VersionMismatch(ImpastoError, code="version-mismatch", status=412):
    """The job has changed since the revision in the request."""

    hint = "read the job again, and send its revision in If-Match"


class ResultNotReady(ImpastoError, code="result-not-ready", status=409, retry_after=5):
    """The job has no finished picture yet."""

    remedy = "wait until the state is `succeeded`; Retry-After says when to ask"


class ResultUnavailable(ImpastoError, code="result-not-ready", status=409):
    """The job has ended without a picture; waiting does not help."""

    def __init__(
        self, message: str, state: str, allowed_actions: list[str], *, hint: str
    ) -> None:
        super().__init__(message, hint=hint)
        self.members = {"state": state, "allowed_actions": allowed_actions}


class ResultPurged(ImpastoError, code="purged", status=410):
    """The picture was deleted because its retention time is over."""

    hint = "submit the job again; the operator sets how long pictures are kept"


class JobPurged(ImpastoError, code="purged", status=410):
    """The job was deleted by its owner; only a tombstone is left."""

    hint = "a deleted job does not come back; submit it again"


class NotAcceptable(ImpastoError, code="not-acceptable", status=406):
    """Accept allows none of the formats that there are."""

    hint = "send Accept: image/png, image/jpeg, image/webp or image/tiff, or */*"


class AssetInUse(ImpastoError, code="asset-in-use", status=409):
    """An unfinished job still needs the picture."""

    hint = "cancel these jobs, or wait until they have ended"

    def __init__(self, asset_id: str, jobs: Sequence[str]) -> None:
        super().__init__(f"asset {asset_id} is used by {', '.join(jobs)}")
        self.members = {"jobs": list(jobs)}


class AssetGone(ImpastoError, code="asset-gone", status=409):
    """A picture that the job needs has been deleted."""

    hint = "upload the picture again: it comes back under the same id"


class QueueFull(ImpastoError, code="queue-full", status=429, retry_after=30):
    """The limit of waiting jobs that the operator has set is reached."""

    hint = "wait until some of the queued jobs have run, or cancel some"


class QuotaExceeded(QueueFull, code="quota-exceeded"):
    """The limit of waiting jobs of this owner is reached."""


# --- Database and storage


class DatabaseUnavailable(
    ImpastoError, code="database-unavailable", status=503, retry_after=5
):
    """The database cannot be reached, or stays locked."""

    hint = "nothing was lost; try again in a few seconds"


class SqliteSharedByHosts(ImpastoError, code="database-shared"):
    """SQLite would serve more than one host, which it cannot do safely."""

    hint = "use PostgreSQL: IMPASTO_DATABASE_URL=postgresql+psycopg://..."


class UnknownSchemaRevision(ImpastoError, code="unknown-revision"):
    """No migration starts from the schema revision of the database."""

    hint = (
        "use the version of Impasto that created it, or a newer one; a database from "
        "before the first release must be created again"
    )


class StorageError(ImpastoError, code="storage-unavailable", status=503, retry_after=5):
    """A picture could not be read from the storage, or not written to it."""

    remedy = "wait for Retry-After, then try again; the server's log has more"


class StorageFull(StorageError, code="storage-full", retry_after=60):
    """No space is left for pictures."""

    hint = "free some disk space; waiting jobs continue by themselves"


class BlobMissing(StorageError, code="picture-missing"):
    """A picture is not in the storage now; on a shared volume it may still appear."""

    hint = "upload the picture again, then retry the job or submit a new one"


class BlobDamaged(ImpastoError, code="picture-damaged"):
    """The bytes of a picture do not match the digest in its row."""

    hint = "upload the picture again and submit a new job"


class InvalidSecretFile(ImpastoError, code="secret-unusable"):
    """The file of the server's signing key holds no usable key."""

    hint = "delete the file: a new one is created, and open pages must log in again"


# --- Workers


class FencedOut(ImpastoError):
    """A newer claim owns the job; this worker must stop and write nothing."""

    def __init__(self, job_id: str, fence: int) -> None:
        super().__init__(f"job {job_id}: fence {fence} no longer holds the lease")
        self.job_id = job_id
        self.fence = fence


class DeviceTaken(ImpastoError, code="device-taken"):
    """Another live worker of this host uses the same device.

    Attributes:
        last_seen: Time of that worker's last heartbeat, by the database's clock.
    """

    hint = "stop that worker first; for several on one CPU, use --devices cpu*N once"

    def __init__(self, device_uuid: str, worker_id: str, last_seen: float) -> None:
        super().__init__(f"worker {worker_id} already computes on {device_uuid}")
        self.last_seen = last_seen


class WeightsError(ImpastoError, code="weights-unusable"):
    """The weights of a network cannot be used on this machine."""

    hint = "run 'impasto weights fetch'"


class WeightsMissing(WeightsError, code="weights-missing"):
    """The weights of a network are not on this machine."""


class WeightsDamaged(WeightsError, code="weights-damaged"):
    """The weights file does not match the digest that this version expects."""


class EngineError(ImpastoError, code="engine-error", retryable=True):
    """The worker ran into an error that was not foreseen."""

    hint = "the worker's log has the details; a failed job can be retried"


class OutOfMemory(ImpastoError, code="out-of-memory"):
    """The picture does not fit on the device."""

    hint = "use a smaller max_edge"


class DoesNotFit(ImpastoError, code="does-not-fit"):
    """No device that may run the job has enough memory for it."""

    hint = "use a device with more memory"


class DeviceFailed(ImpastoError, code="device-error", retryable=True):
    """The device failed; the job may succeed on another one."""

    hint = "another device tries it by itself; the worker's log has the details"


class Diverged(ImpastoError, code="diverged"):
    """The loss became infinite or not a number."""

    hint = "lower style_weight or tv_weight, or use the lbfgs optimizer"


class WorkerLost(ImpastoError, code="worker-lost", retryable=True):
    """The job lost its worker several times in a row before a new checkpoint."""

    hint = "use a smaller max_edge, or look at the workers' logs"
