"""What every kind of attempt reads and keeps: pictures, checkpoints, results."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import structlog
from PIL import Image

from shared.errors import DatabaseUnavailable, FencedOut, StorageError
from shared.images.inspect import decode
from shared.jobs.checkpoints import (
    add_warning,
    discard_newer_checkpoints,
    is_kept,
    record_checkpoint,
)
from shared.jobs.lease import Written
from shared.jobs.loss_history import read_loss_history, store_loss_history
from worker.attempts.throttle import Pace
from worker.checkpoints import (
    FORMAT_VERSION,
    Origin,
    checkpoint_key,
    digests,
    dump,
    inexact_by,
    read_verified,
    resume,
)
from worker.devices.device import how_computed
from worker.engine.images.tensors import to_tensor
from worker.lease import Order

if TYPE_CHECKING:
    from torch import Tensor

    from shared.jobs.claim import Blob, Claim
    from worker.checkpoints import Resumption
    from worker.context import Tools
    from worker.engine.snapshot import Snapshot
    from worker.lease import Lease

log = structlog.get_logger(__name__)


class Keeper:
    """The storage and the rows of one claimed job, handled with patience.

    Args:
        tools: What this worker process has.
        claim: The job.
        lease: Its life line.
    """

    def __init__(self, tools: Tools, claim: Claim, lease: Lease) -> None:
        self._tools, self._claim, self._lease = tools, claim, lease
        self._checkpoints = Pace(tools.settings.checkpoint_seconds, at_once=False)
        self._kept = 0  # iteration of the newest checkpoint

    def picture(self, blob: Blob, edge: int) -> Image.Image:
        """Read a picture, shrunk to a long side of `edge` px if it is larger.

        Raises:
            DamagedBlob: It is not the one that was uploaded.
            StorageError: It cannot be read.
        """
        picture = decode(read_verified(self._tools.storage, blob))
        picture.thumbnail((edge, edge), Image.Resampling.LANCZOS)
        return picture

    def tensor(self, blob: Blob, edge: int) -> Tensor:
        """Read a picture as `picture` does, onto the device."""
        return to_tensor(self.picture(blob, edge), self._tools.device.torch_device)

    def origin(self, weights_digest: str, **more: str) -> Origin:
        """Name what the numbers of this attempt depend on.

        Args:
            weights_digest: SHA-256 of the network's weights.
            **more: What else only rounding depends on, by name.
        """
        pictures = digests(self._claim.inputs)
        maker = how_computed(self._tools.settings, self._tools.device)
        return Origin(
            inputs={**pictures, "weights": weights_digest},
            maker={**maker, **more},
            inexact=inexact_by(self._claim),
        )

    def resumption(self, origin: Origin) -> Resumption | None:
        """Find where to go on, and put the table right if that is not the newest."""
        claim = self._claim
        found = resume(self._tools.storage, claim, origin)
        iteration = 0 if found is None else found.snapshot.iteration
        if claim.checkpoints and iteration != claim.checkpoints[0].iteration:
            for key in discard_newer_checkpoints(self._tools.db, claim, iteration):
                self.delete(key)
        self._kept = iteration
        if found is not None:
            log.info("job_resumed", iteration=iteration, inexact=found.inexact)
        return found

    def wants_checkpoint(self, order: Order, iteration: int) -> bool:
        """Whether one is due, or wanted for forks, or the last chance has come."""
        if order.keeps:
            return True
        every = self._claim.keep_every
        due = self._checkpoints.is_due() or is_kept(every, iteration)
        return due and order in {Order.GO_ON, Order.STEER}

    def keep_once(self, snapshot: Snapshot, origin: Origin) -> None:
        """Store a checkpoint, unless it is of the iteration of the newest one.

        Raises:
            FencedOut: A newer claim owns the job.
        """
        if snapshot.iteration != self._kept:
            self.keep_checkpoint(snapshot, origin)

    def keep_checkpoint(self, snapshot: Snapshot, origin: Origin) -> None:
        """Store a checkpoint; a failure costs only what it would have saved.

        Raises:
            FencedOut: A newer claim owns the job.
        """
        db, storage, claim = self._tools.db, self._tools.storage, self._claim
        iteration, version = snapshot.iteration, FORMAT_VERSION
        with self._checkpoints.measured():
            data = dump(snapshot, origin)
            key = checkpoint_key(claim.job_id, claim.fence, iteration)
            try:
                storage.put(key, data)
                blob = _written(key, data)
                old = record_checkpoint(db, claim, iteration, blob, version)
            except FencedOut:
                self.delete(key)
                raise
            except (StorageError, DatabaseUnavailable) as error:
                self.warn("checkpoint_skipped", str(error))
                return
            self._kept = iteration
            for each in old:
                self.delete(each)
        self._lease.touch()

    def curve(self) -> list[list[int | float | None]]:
        """Read the losses that an earlier attempt has told; none if that fails."""
        try:
            return read_loss_history(self._tools.db, self._claim.job_id)
        except DatabaseUnavailable as error:
            log.warning("loss_history_lost", error=str(error))
            return []

    def keep_curve(self, points: list[list[int | float | None]]) -> None:
        """Tell the losses so far; a failure costs only them.

        Raises:
            FencedOut: A newer claim owns the job.
        """
        if not points:
            return
        try:
            store_loss_history(self._tools.db, self._claim, points)
        except DatabaseUnavailable as error:
            log.warning("loss_history_skipped", error=str(error))

    def save(self, name: str, data: bytes) -> Written | Order:
        """Store a result, waiting for room or for the storage to come back.

        Args:
            name: Its ending, or more, behind a stem that is this claim's alone.
            data: The blob.

        Returns:
            What was written; or the order that came while waiting.

        Raises:
            StorageError: Patience has run out.
        """
        key = f"results/{self._claim.job_id}/{self._claim.fence}{name}"
        order = self._put_patiently(key, data)
        return order if order.lets_go else _written(key, data)

    def delete(self, key: str) -> None:
        """Free the room of a blob that no row names any more."""
        try:
            self._tools.storage.delete(key)
        except StorageError as error:
            log.warning("blob_deletion_failed", key=key, error=str(error))

    def warn(self, code: str, message: str) -> None:
        """Tell people of something that does not stop the job."""
        log.warning(code, error=message)
        try:
            add_warning(self._tools.db, self._claim, code, message)
        except DatabaseUnavailable as error:
            log.warning("warning_lost", error=str(error))

    def _put_patiently(self, key: str, data: bytes) -> Order:
        settings, waited = self._tools.settings, 0.0
        while True:
            try:
                self._tools.storage.put(key, data)
            except StorageError as error:
                if waited >= settings.save_timeout_seconds:
                    raise
                self.warn("result_not_stored_yet", str(error))
            else:
                return Order.GO_ON
            order = self._lease.wait(settings.save_retry_seconds)
            if order.lets_go:
                return order
            waited += settings.save_retry_seconds


def _written(key: str, data: bytes) -> Written:
    return Written(key, hashlib.sha256(data).hexdigest(), len(data))
