"""What machines cannot do: databases, storage, devices, the engine."""

from __future__ import annotations

from typing import Literal

from shared.errors.base import ImpastoError


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
