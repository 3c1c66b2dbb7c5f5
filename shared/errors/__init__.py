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

from shared.errors.base import ImpastoError
from shared.errors.jobs import (
    AssetGone,
    AssetInUse,
    FencedOut,
    InvalidState,
    JobNotFound,
    JobPurged,
    NoSuchCheckpoint,
    NotFound,
    QueueFull,
    QuotaExceeded,
    ResultNeverComes,
    ResultNotReady,
    ResultPurged,
    VersionMismatch,
)
from shared.errors.machines import (
    BlobMissing,
    DamagedBlob,
    DatabaseShared,
    DatabaseUnavailable,
    DeviceFailed,
    DeviceTaken,
    Diverged,
    EngineError,
    OutOfMemory,
    SecretUnusable,
    ServerBusy,
    StorageError,
    StorageFull,
    TooManyStreams,
    UnknownRevision,
    WeightsDamaged,
    WeightsError,
    WeightsMissing,
)
from shared.errors.requests import (
    BadCursor,
    BadIdempotencyKey,
    DigestMismatch,
    FieldError,
    Forbidden,
    ForbiddenScope,
    IdempotencyInProgress,
    IdempotencyKeyReused,
    ImageTooLarge,
    ImageUnreadable,
    ImmutableField,
    InvalidParams,
    InvalidRequest,
    MalformedJson,
    MalformedMultipart,
    PreconditionRequired,
    RateLimited,
    Unauthenticated,
    UnsupportedMediaType,
    UploadTooLarge,
)

__all__ = [
    "AssetGone",
    "AssetInUse",
    "BadCursor",
    "BadIdempotencyKey",
    "BlobMissing",
    "DamagedBlob",
    "DatabaseShared",
    "DatabaseUnavailable",
    "DeviceFailed",
    "DeviceTaken",
    "DigestMismatch",
    "Diverged",
    "EngineError",
    "FencedOut",
    "FieldError",
    "Forbidden",
    "ForbiddenScope",
    "IdempotencyInProgress",
    "IdempotencyKeyReused",
    "ImageTooLarge",
    "ImageUnreadable",
    "ImmutableField",
    "ImpastoError",
    "InvalidParams",
    "InvalidRequest",
    "InvalidState",
    "JobNotFound",
    "JobPurged",
    "MalformedJson",
    "MalformedMultipart",
    "NoSuchCheckpoint",
    "NotFound",
    "OutOfMemory",
    "PreconditionRequired",
    "QueueFull",
    "QuotaExceeded",
    "RateLimited",
    "ResultNeverComes",
    "ResultNotReady",
    "ResultPurged",
    "SecretUnusable",
    "ServerBusy",
    "StorageError",
    "StorageFull",
    "TooManyStreams",
    "Unauthenticated",
    "UnknownRevision",
    "UnsupportedMediaType",
    "UploadTooLarge",
    "VersionMismatch",
    "WeightsDamaged",
    "WeightsError",
    "WeightsMissing",
]
