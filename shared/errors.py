"""Every error this service raises on purpose, in one tree.

ImpastoError
├── InvalidRequest          the caller can fix it
│   ├── InvalidParams       values out of range or unknown, all named at once
│   │   └── ImmutableField  values that cannot change once a job exists
│   ├── ImageUnreadable     bytes that are not a picture we take
│   ├── ImageTooLarge       a picture with too many pixels
│   ├── UploadTooLarge      a body with too many bytes
│   ├── DigestMismatch      a body that is not what its digest says
│   ├── BadCursor           a page token we did not sign
│   ├── MalformedJson       text that is not strict JSON
│   ├── MalformedMultipart  a form that breaks off or was never one
│   ├── UnsupportedMediaType  a body of a kind this address does not take
│   ├── PreconditionRequired  a change by somebody who does not say what they saw
│   ├── BadIdempotencyKey   one that cannot be kept
│   ├── IdempotencyKeyReused  one that came with another request
│   └── Unauthenticated     no key, or one we do not know
├── IdempotencyInProgress   the same request is being answered
├── RateLimited             too many requests with this key, or wrong ones
├── Forbidden               known caller, wrong door (Host, Origin)
│   └── ForbiddenScope      the key may not do this
├── NotFound                nothing (yet) at this address
│   └── JobNotFound         no such job, or somebody else's
├── InvalidState            the job's state does not allow the verb
├── NoSuchCheckpoint        the job cannot be gone on from there
├── VersionMismatch         the job is no longer as the caller saw it
├── ResultNotReady          the picture does not exist (yet)
│   └── ResultNeverComes    and it will not: the job is over
├── ResultPurged            the picture was kept as long as promised, and is gone
├── JobPurged               the job was deleted by its owner
├── AssetInUse              a picture that a job still needs
├── AssetGone               a picture that a job needs was deleted
├── QueueFull               a limit of waiting jobs is reached
│   └── QuotaExceeded       the one of this owner
├── FencedOut               a newer claim owns the job: stop, write nothing
├── ServerBusy              too many uploads are being checked at once
├── TooManyStreams          too many streams and held requests are open
├── DatabaseUnavailable     the rows cannot be reached just now
├── DatabaseShared          a SQLite file that more than one host could open
├── UnknownRevision         a database that no migration brings to this version
├── DeviceTaken             another live worker computes on this device
├── StorageError            a blob cannot be read or written just now
│   ├── StorageFull         no room left for blobs
│   └── BlobMissing         no blob has this key
├── DamagedBlob             a blob whose bytes do not match their digest
├── SecretUnusable          no key to sign with, but a file for it
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


class NotFound(ImpastoError):
    """There is nothing at this address, or not yet."""

    code = "not-found"


class JobNotFound(NotFound):
    """No job of the caller has this id."""


class InvalidState(ImpastoError):
    """The job's state does not allow the verb.

    Attributes:
        state: The state the job is in.
        allowed: The verbs that would work now.
    """

    code = "invalid-state"

    def __init__(
        self, job_id: str, verb: str, state: str, allowed: list[str], why: str = ""
    ) -> None:
        verbs = ", ".join(allowed) or "none"
        reason = f"it is {state}" + (f" and {why}" if why else "")
        super().__init__(
            f"cannot {verb} job {job_id}: {reason}; verbs allowed now: {verbs}"
        )
        self.state = state
        self.allowed = allowed


class NoSuchCheckpoint(ImpastoError):
    """The job has no stored checkpoint there to go on from.

    Attributes:
        iterations: Where it has one, in order.
    """

    code = "no-checkpoint"

    def __init__(self, job_id: str, asked: str, iterations: Sequence[int]) -> None:
        there = ", ".join(map(str, iterations)) or "none"
        super().__init__(
            f"job {job_id} has no checkpoint {asked}; it has some at: {there}",
            hint="keep_every, given when a job is submitted, keeps more of them",
        )
        self.iterations = tuple(iterations)


class VersionMismatch(ImpastoError):
    """The job has changed since the revision that the caller knows."""

    code = "version-mismatch"
    hint = "look at the job again, and send its revision in If-Match"


class ResultNotReady(ImpastoError):
    """The job has no finished picture (yet)."""

    code = "result-not-ready"


class ResultNeverComes(ResultNotReady):
    """The job is over without a picture: no waiting helps.

    Attributes:
        state: The state it has ended in.
        allowed: The verbs that would work now.
    """

    def __init__(self, job_id: str, state: str, allowed: list[str], why: str) -> None:
        reason = f": {why}" if why else ""
        super().__init__(f"job {job_id} is {state}{reason}; it has no picture")
        self.state = state
        self.allowed = allowed
        ways = {
            "retry": f"POST /v1/jobs/{job_id}/retry makes a new job that tries again",
            "fork": f"POST /v1/jobs/{job_id}/fork one that goes on from a checkpoint",
        }
        there = [text for verb, text in ways.items() if verb in allowed]
        self.hint = "there will be none; " + "; ".join(there or ["submit it again"])


class ResultPurged(ImpastoError):
    """The picture existed, and its time is over."""

    code = "purged"
    hint = "submit the job again; the operator sets how long pictures are kept"


class JobPurged(ImpastoError):
    """The job was deleted by its owner; only that is still known."""

    code = "purged"
    hint = "a deleted job does not come back; submit it again"


class AssetInUse(ImpastoError):
    """A job that is not over still needs the picture.

    Attributes:
        jobs: Ids of some of them.
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
    """As many jobs are waiting as the operator allows."""

    code = "queue-full"
    retryable = True
    hint = "wait until some of the queued jobs have run, or cancel some"


class QuotaExceeded(QueueFull):
    """As many jobs of this owner are waiting as the owner may have."""

    code = "quota-exceeded"


class FencedOut(ImpastoError):
    """A newer claim owns the job; the holder must stop and write nothing."""

    code = "fenced_out"

    def __init__(self, job_id: str, fence: int) -> None:
        super().__init__(f"job {job_id}: fence {fence} no longer holds the lease")
        self.job_id = job_id
        self.fence = fence


class ServerBusy(ImpastoError):
    """Too many uploads are being checked at once."""

    code = "busy"
    retryable = True


class TooManyStreams(ImpastoError):
    """As many streams and held requests are open as are kept open.

    Attributes:
        cap: Of the whole server process, or of one owner in it.
        most: How many.
    """

    code = "too-many-streams"
    retryable = True
    hint = (
        "end one, let GET /v1/events tell of all jobs, or poll: GET /v1/jobs/{id} with "
        "If-None-Match is always answered"
    )

    def __init__(self, cap: Literal["owner", "server"], most: int) -> None:
        whose = "of this owner " if cap == "owner" else ""
        super().__init__(
            f"{most} streams and held requests {whose}are open, no more are kept open"
        )
        self.cap, self.most = cap, most


class DatabaseUnavailable(ImpastoError):
    """The database cannot be reached, or stays locked, just now."""

    code = "unavailable"
    retryable = True
    hint = "nothing was lost; try again in a few seconds"


class DatabaseShared(ImpastoError):
    """SQLite is asked to serve more than one host, which it cannot do safely."""

    code = "database_shared"
    hint = "use PostgreSQL: IMPASTO_DATABASE_URL=postgresql+psycopg://..."


class UnknownRevision(ImpastoError):
    """The tables of a database are of a revision that no migration starts from."""

    code = "unknown_revision"


class DeviceTaken(ImpastoError):
    """Another live worker of this host computes on the same device.

    Attributes:
        last_seen: When that worker was seen last, in the database's time.
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
    """There is no room left for blobs."""

    code = "storage_full"
    hint = "free some disk space; waiting work goes on by itself"


class BlobMissing(StorageError):
    """No blob has this key, now; on a shared volume it may still appear."""

    code = "input_missing"


class DamagedBlob(ImpastoError):
    """A blob's bytes do not match the digest in its row."""

    code = "input_damaged"
    hint = "upload the picture again and submit a new job"


class SecretUnusable(ImpastoError):
    """The file of the key that the server signs with holds none."""

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
    """The weights file is not the one this version was made for."""

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
