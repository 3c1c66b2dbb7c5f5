"""Every error this service raises on purpose, in one tree.

ImpastoError
├── InvalidRequest          the caller can fix it
│   ├── InvalidParams       values out of range or unknown, all named at once
│   │   └── ImmutableField  values that cannot change once a job exists
│   ├── ImageUnreadable     bytes that are not a picture we take
│   ├── ImageTooLarge       a picture with too many pixels
│   ├── UploadTooLarge      a body with too many bytes
│   ├── BadCursor           a page token we did not sign
│   ├── MalformedJson       text that is not strict JSON
│   ├── MalformedMultipart  a form that breaks off or was never one
│   ├── UnsupportedMediaType  a body of a kind this address does not take
│   ├── PreconditionRequired  a change by somebody who does not say what they saw
│   └── Unauthenticated     no key, or one we do not know
├── Forbidden               known caller, wrong door (Host, Origin, scope)
├── NotFound                nothing (yet) at this address
│   └── JobNotFound         no such job, or somebody else's
├── InvalidState            the job's state does not allow the verb
├── NoSuchCheckpoint        the job cannot be gone on from there
├── VersionMismatch         the job is no longer as the caller saw it
├── ResultNotReady          the picture does not exist (yet)
├── ResultPurged            the picture was kept as long as promised, and is gone
├── QueueFull               a limit of waiting jobs is reached
├── FencedOut               a newer claim owns the job: stop, write nothing
├── ServerBusy              too many uploads are being checked at once
├── DatabaseUnavailable     the rows cannot be reached just now
├── DatabaseShared          a SQLite file that more than one host could open
├── DeviceTaken             another live worker computes on this device
├── StorageError            a blob cannot be read or written just now
│   ├── StorageFull         no room left for blobs
│   └── BlobMissing         no blob has this key
├── DamagedBlob             a blob whose bytes do not match their digest
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
from typing import TYPE_CHECKING, ClassVar

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


class Unauthenticated(InvalidRequest):
    """The request carries no key, or one that this server does not know."""

    code = "unauthenticated"
    hint = "send 'Authorization: Bearer <key>'; 'impasto admin keys create' makes one"


class Forbidden(ImpastoError):
    """The caller is known and may not do this."""

    code = "forbidden"


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


class PreconditionRequired(InvalidRequest):
    """Parameters change only for whoever says which revision they have seen."""

    code = "precondition-required"
    hint = 'send the job\'s revision: If-Match: "<revision>"'


class ResultNotReady(ImpastoError):
    """The job has no finished picture (yet)."""

    code = "result-not-ready"


class ResultPurged(ImpastoError):
    """The picture existed, and its time is over."""

    code = "purged"
    hint = "submit the job again; the operator sets how long pictures are kept"


class QueueFull(ImpastoError):
    """As many jobs are waiting as the operator allows."""

    code = "queue-full"
    retryable = True
    hint = "wait until some of the queued jobs have run, or cancel some"


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


class DatabaseUnavailable(ImpastoError):
    """The database cannot be reached, or stays locked, just now."""

    code = "unavailable"
    retryable = True
    hint = "nothing was lost; try again in a few seconds"


class DatabaseShared(ImpastoError):
    """SQLite is asked to serve more than one host, which it cannot do safely."""

    code = "database_shared"
    hint = "use PostgreSQL: IMPASTO_DATABASE_URL=postgresql+psycopg://..."


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
