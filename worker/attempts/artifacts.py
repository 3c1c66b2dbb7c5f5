"""Artifacts of one claimed job: its pictures, checkpoints, losses and results."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import structlog
from PIL import Image

from shared.errors import DatabaseUnavailable, FencedOut, StorageError
from shared.images.inspect import decode_rgb
from shared.jobs.checkpoints import (
    add_warning,
    discard_newer_checkpoints,
    is_kept_for_forks,
    read_loss_history,
    record_checkpoint,
    store_loss_history,
)
from shared.jobs.lease import WrittenBlob
from shared.storage.base import delete_blobs
from worker.attempts.throttle import Throttle
from worker.checkpoint_file import (
    FORMAT_VERSION,
    Provenance,
    checkpoint_key,
    dump,
    find_resumption,
    inexact_reason,
    input_digests,
    read_verified,
)
from worker.devices.device import compute_environment
from worker.engine.images.tensors import to_tensor
from worker.lease import Directive

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from shared.jobs.claim import BlobRef, Claim
    from worker.checkpoint_file import Resumption
    from worker.context import WorkerContext
    from worker.engine.snapshot import Snapshot
    from worker.lease import Lease

log = structlog.get_logger(__name__)


class ArtifactStore:
    """Reads and writes the artifacts of one claimed job, in storage and database.

    What the database does not take is pending, until a heartbeat reaches it again or
    the attempt ends. Of the checkpoints, the first is kept, which may have got its row
    though the answer was lost, and the newest, whose row was not tried.

    Args:
        context: Resources of the worker process.
        claim: Claim of the job; replaced once it has further segments.
        lease: Lease of the claim.
    """

    def __init__(self, context: WorkerContext, claim: Claim, lease: Lease) -> None:
        self._context, self.claim, self._lease = context, claim, lease
        self._checkpoints = Throttle(
            context.settings.checkpoint_seconds, context.clock, first_is_due=False
        )
        self._newest_iteration = 0  # iteration of the newest checkpoint
        self._unnamed: list[tuple[int, WrittenBlob]] = []  # checkpoints without a row
        self._is_first_tried = False  # whether the first of them may have one
        self._unstored_losses: list[list[int | float | None]] = []
        self._unstored_warnings: dict[str, str] = {}

    def read_image(self, blob: BlobRef, edge: int) -> Image.Image:
        """Read a picture, shrunk to a long side of `edge` px if it is larger.

        Raises:
            BlobDamaged: The picture is not the one that was uploaded.
            StorageError: The picture cannot be read.
        """
        picture = decode_rgb(read_verified(self._context.storage, blob))
        picture.thumbnail((edge, edge), Image.Resampling.LANCZOS)
        return picture

    def read_tensor(self, blob: BlobRef, edge: int) -> Tensor:
        """Read a picture as `read_image` does, as a tensor on the device."""
        return to_tensor(self.read_image(blob, edge), self._context.device.torch_device)

    def provenance(self, weights_digest: str, **environment: str) -> Provenance:
        """Return what the numbers of this attempt depend on.

        Args:
            weights_digest: SHA-256 of the network's weights.
            **environment: Further properties that change the rounding, by name.
        """
        pictures = input_digests(self.claim.inputs)
        maker = compute_environment(self._context.settings, self._context.device)
        return Provenance(
            inputs={**pictures, "weights": weights_digest},
            maker={**maker, **environment},
            inexact=inexact_reason(self.claim),
        )

    def find_resumption(self, provenance: Provenance) -> Resumption | None:
        """Find the checkpoint to continue from, and delete the rows of newer ones."""
        claim = self.claim
        resumption = find_resumption(self._context.storage, claim, provenance)
        iteration = 0 if resumption is None else resumption.snapshot.iteration
        if claim.checkpoints and iteration != claim.checkpoints[0].iteration:
            self.delete(discard_newer_checkpoints(self._context.db, claim, iteration))
        self._newest_iteration = iteration
        if resumption is not None:
            log.info("job_resumed", iteration=iteration, inexact=resumption.inexact)
        return resumption

    def is_checkpoint_due(self, directive: Directive, iteration: int) -> bool:
        """Whether to store a checkpoint: by time, for forks, or before a release."""
        if directive.resumes_later:
            return True
        interval = self.claim.keep_every
        is_due = self._checkpoints.is_due() or is_kept_for_forks(interval, iteration)
        return is_due and directive in {Directive.CONTINUE, Directive.STEER}

    def save_new_checkpoint(self, snapshot: Snapshot, provenance: Provenance) -> None:
        """Store a checkpoint, unless the newest one is of the same iteration.

        Raises:
            FencedOut: A newer claim owns the job.
        """
        if snapshot.iteration != self._newest_iteration:
            self.save_checkpoint(snapshot, provenance)

    def save_checkpoint(self, snapshot: Snapshot, provenance: Provenance) -> None:
        """Store a checkpoint; if the storage fails, only warn.

        Raises:
            FencedOut: A newer claim owns the job.
        """
        claim, iteration = self.claim, snapshot.iteration
        with self._checkpoints.measure():
            data = dump(snapshot, provenance)
            key = checkpoint_key(claim.job_id, claim.key_stem, iteration)
            try:
                self._context.storage.put(key, data)
            except StorageError as error:
                self.warn("checkpoint-skipped", str(error))
                return
        self._newest_iteration = iteration
        self._drop_untried()
        self._unnamed.append((iteration, _written_blob(key, data)))
        self.retry_pending()
        self._lease.touch()

    def retry_pending(self) -> None:
        """Record what is pending, unless the last heartbeat did not get through."""
        if self._lease.is_cut_off:
            return
        try:
            self.record_pending()
        except DatabaseUnavailable as error:
            log.warning("records_delayed", error=str(error))
            self._lease.report_outage()

    def record_pending(self) -> None:
        """Record all that is pending.

        Raises:
            FencedOut: A newer claim owns the job.
            DatabaseUnavailable: Something is still pending.
        """
        db, claim = self._context.db, self.claim
        try:
            for code, message in list(self._unstored_warnings.items()):
                add_warning(db, claim, code, message)
                del self._unstored_warnings[code]
            if self._unstored_losses:
                # Before the checkpoint: an attempt that resumes there reads the losses.
                store_loss_history(db, claim, self._unstored_losses)
                self._unstored_losses = []
            while self._unnamed:
                self._record_checkpoint(*self._unnamed[0])
                del self._unnamed[0]
        except FencedOut:
            self._drop_untried()
            raise

    def _record_checkpoint(self, iteration: int, blob: WrittenBlob) -> None:
        db, claim = self._context.db, self.claim
        try:
            old_keys = record_checkpoint(db, claim, iteration, blob, FORMAT_VERSION)
        except DatabaseUnavailable:
            self._is_first_tried = True
            raise
        self._is_first_tried = False
        self.delete(old_keys)

    def _drop_untried(self) -> None:
        """Delete the unnamed checkpoints that no row can name."""
        while len(self._unnamed) > self._is_first_tried:
            _, blob = self._unnamed.pop()
            self.delete([blob.key])

    def read_loss_history(self) -> list[list[int | float | None]]:
        """Read the losses of earlier attempts; none if that fails."""
        try:
            return read_loss_history(self._context.db, self.claim.job_id)
        except DatabaseUnavailable as error:
            log.warning("loss_history_lost", error=str(error))
            return []

    def save_loss_history(self, points: list[list[int | float | None]]) -> None:
        """Store the losses so far; if the database is away, later.

        Raises:
            FencedOut: A newer claim owns the job.
        """
        self._unstored_losses = points
        self.retry_pending()

    def save_result(self, name: str, data: bytes) -> WrittenBlob | Directive:
        """Store a result; while the storage is full or away, wait and try again.

        Args:
            name: End of the key, after a stem that is unique to this claim.
            data: Bytes of the blob.

        Returns:
            The written blob; or the directive that ended the wait.

        Raises:
            StorageError: The storage failed for longer than `save_timeout_seconds`.
        """
        key = f"results/{self.claim.job_id}/{self.claim.key_stem}{name}"
        directive = self._put_with_retry(key, data)
        return directive if directive.ends_attempt else _written_blob(key, data)

    def delete(self, keys: Iterable[str]) -> None:
        """Delete blobs that no row names any more; log it if that fails."""
        delete_blobs(self._context.storage, keys)

    def warn(self, code: str, message: str) -> None:
        """Add a warning to the job: a problem that does not stop it."""
        log.warning("job_warned", code=code, error=message)
        self._unstored_warnings[code] = message
        self.retry_pending()

    def _put_with_retry(self, key: str, data: bytes) -> Directive:
        settings, waited_seconds = self._context.settings, 0.0
        while True:
            try:
                self._context.storage.put(key, data)
            except StorageError as error:
                if waited_seconds >= settings.save_timeout_seconds:
                    raise
                self.warn("result-not-stored-yet", str(error))
            else:
                return Directive.CONTINUE
            directive = self._lease.wait(settings.save_retry_seconds)
            if directive.ends_attempt:
                return directive
            waited_seconds += settings.save_retry_seconds


def _written_blob(key: str, data: bytes) -> WrittenBlob:
    return WrittenBlob(key, hashlib.sha256(data).hexdigest(), len(data))
