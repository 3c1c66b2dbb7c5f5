"""Artifacts of one claimed job: previews, checkpoints, losses and results.

A preview or a checkpoint that cannot be stored never stops the job.
"""

from __future__ import annotations

import hashlib
import io
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import structlog
from PIL import Image

from shared.errors import DatabaseUnavailable, FencedOut, StorageError
from shared.jobs.checkpoints import (
    NewFrame,
    add_frame,
    add_warning,
    discard_newer_checkpoints,
    is_kept_for_forks,
    read_loss_history,
    record_checkpoint,
    store_loss_history,
)
from shared.jobs.lease import JobResult, WrittenBlob
from shared.storage import delete_blobs
from worker.attempts.failures import is_out_of_memory
from worker.attempts.progress import LossHistory
from worker.checkpoint_file import (
    FORMAT_VERSION,
    Provenance,
    checkpoint_key,
    dump,
    find_resumption,
    inexact_reason,
    input_digests,
)
from worker.devices.device import compute_environment
from worker.engine.images.tensors import to_pil_image
from worker.lease import Directive

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shared.clock import Clock
    from shared.jobs.claim import Claim
    from worker.context import WorkerContext
    from worker.engine.snapshot import Snapshot
    from worker.lease import Lease

log = structlog.get_logger(__name__)

PREVIEW_EDGE_PX = 512
THUMB_EDGE_PX = 320  # twice the width of a card, for dense screens
_PREVIEW_QUALITY = 85
COST_FACTOR = 200  # an action of one second runs every 200 seconds at most


class ArtifactStore:
    """Store of the artifacts of one claimed job, in storage and database.

    Records that the database does not accept are pending until a heartbeat reaches it
    again or the attempt ends. Two pending checkpoints are kept. The first may have a
    row, if only the response was lost. The newest was not sent to the database yet.

    Args:
        context: Resources of the worker process.
        claim: Claim of the job.
        lease: Lease of the claim.

    Attributes:
        claim: Claim with all segments that have begun. The fence refuses results of
            changes of parameters that the database does not have.
        provenance: Provenance of this attempt; complete after `resume`.
        losses: Loss history of the job up to now.
    """

    def __init__(self, context: WorkerContext, claim: Claim, lease: Lease) -> None:
        self._context, self.claim, self._lease = context, claim, lease
        self.provenance = Provenance({}, {}, inexact_reason(claim))
        self.losses = LossHistory()
        settings, clock = context.settings, context.clock
        self._checkpoints = Throttle(
            settings.checkpoint_seconds, clock, first_is_due=False
        )
        self._previews = Throttle(settings.preview_seconds, clock, first_is_due=True)
        self._newest_iteration = 0  # iteration of the newest checkpoint
        self._previewed_iteration = 0  # iteration of the newest preview
        self._unnamed: list[tuple[int, WrittenBlob]] = []  # checkpoints without a row
        self._is_first_tried = False  # whether the first of them may have a row
        self._unstored_losses: list[list[int | float | None]] = []
        self._unstored_warnings: dict[str, str] = {}

    def resume(self, weights_digest: str, **environment: str) -> Snapshot | None:
        """Read the snapshot to continue from, with the losses up to it.

        Newer checkpoints cannot be used, so their rows and blobs are deleted.

        Args:
            weights_digest: SHA-256 of the network's weights.
            **environment: Further properties that change the rounding, by name.
        """
        context, claim = self._context, self.claim
        maker = compute_environment(context.settings, context.device)
        self.provenance = replace(
            self.provenance,
            inputs={**input_digests(claim.inputs), "weights": weights_digest},
            maker={**maker, **environment},
        )
        snapshot, self.provenance = find_resumption(
            context.storage, claim, self.provenance
        )
        iteration = 0 if snapshot is None else snapshot.iteration
        if claim.checkpoints and iteration != claim.checkpoints[0].iteration:
            self.delete(discard_newer_checkpoints(context.db, claim, iteration))
        self._newest_iteration = iteration
        self._lease.touch()
        if snapshot is None:
            return None
        log.info("job_resumed", iteration=iteration, inexact=self.provenance.inexact)
        try:
            points = read_loss_history(context.db, claim.job_id)
        except DatabaseUnavailable as error:
            log.warning("loss_history_lost", error=str(error))
        else:
            self.losses = LossHistory(points, until_iteration=iteration)
        return snapshot

    def is_checkpoint_due(self, directive: Directive, iteration: int) -> bool:
        """Return whether to store a checkpoint by time, for forks or before release."""
        if directive.resumes_later:
            return True
        interval = self.claim.keep_every
        is_due = self._checkpoints.is_due() or is_kept_for_forks(interval, iteration)
        return is_due and directive in {Directive.CONTINUE, Directive.STEER}

    def save_checkpoint(self, snapshot: Snapshot) -> None:
        """Store a checkpoint with the losses, unless the newest is of this iteration.

        If the storage fails, the method only adds a warning to the job.

        Raises:
            FencedOut: A newer claim owns the job.
        """
        claim, iteration = self.claim, snapshot.iteration
        if iteration == self._newest_iteration:
            return
        self._unstored_losses = self.losses.points
        with self._checkpoints.measure():
            data = dump(snapshot, self.provenance)
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

    def save_preview_if_due(self, snapshot: Snapshot) -> None:
        """Store a preview with the losses if one is due; a failure is logged.

        Raises:
            FencedOut: A newer claim owns the job.
        """
        if not self._previews.is_due():
            return
        with self._previews.measure():
            self.save_preview(snapshot)
            if not self._lease.is_cut_off:
                self.save_losses()

    def save_preview(self, snapshot: Snapshot) -> None:
        """Store a preview, unless the newest is of this iteration.

        A failure, also for lack of memory, is logged. During an outage of the database
        no preview is stored, since its row would be missing.

        Raises:
            FencedOut: A newer claim owns the job.
        """
        if self._lease.is_cut_off or snapshot.iteration == self._previewed_iteration:
            return
        try:
            self._store_preview(snapshot)
        except Exception as error:
            is_outage = isinstance(error, StorageError | DatabaseUnavailable)
            if not is_outage and not is_out_of_memory(error):
                raise
            log.warning("preview_skipped", job_id=self.claim.job_id, error=str(error))
            if isinstance(error, DatabaseUnavailable):
                self._lease.report_outage()
        else:
            self._previewed_iteration = snapshot.iteration

    def _store_preview(self, snapshot: Snapshot) -> None:
        storage, claim = self._context.storage, self.claim
        stem = f"frames/{claim.job_id}/{claim.key_stem}-{snapshot.iteration}"
        key, thumb_key = f"{stem}.jpg", f"{stem}-thumb.jpg"
        preview = _shrink(to_pil_image(snapshot.image), PREVIEW_EDGE_PX)
        frame = NewFrame(
            iteration=snapshot.iteration,
            scale=snapshot.scale,
            width=preview.width,
            height=preview.height,
            losses=self.losses.at(snapshot.iteration),
            key=key,
            thumb_key=thumb_key,
        )
        try:
            storage.put(key, _jpeg(preview))
            storage.put(thumb_key, _jpeg(_shrink(preview, THUMB_EDGE_PX)))
            self.delete(add_frame(self._context.db, claim, frame))
        except FencedOut:
            self.delete([key, thumb_key])
            raise

    def save_losses(self) -> None:
        """Store the losses so far, or later if the database is unreachable.

        Raises:
            FencedOut: A newer claim owns the job.
        """
        self._unstored_losses = self.losses.points
        self.retry_pending()

    def save_result(self, name: str, data: bytes) -> WrittenBlob | Directive:
        """Store a result; wait and try again while the storage is full or unreachable.

        Args:
            name: Last part of the key, after a prefix that is unique to this claim.
            data: Bytes of the blob.

        Returns:
            Written blob, or the directive that ended the wait.

        Raises:
            StorageError: The storage failed for longer than `save_timeout_seconds`.
        """
        settings, waited_seconds = self._context.settings, 0.0
        key = f"results/{self.claim.job_id}/{self.claim.key_stem}{name}"
        while True:
            try:
                self._context.storage.put(key, data)
            except StorageError as error:
                if waited_seconds >= settings.save_timeout_seconds:
                    raise
                self.warn("result-not-stored-yet", str(error))
            else:
                return _written_blob(key, data)
            directive = self._lease.wait(settings.save_retry_seconds)
            if directive.ends_attempt:
                return directive
            waited_seconds += settings.save_retry_seconds

    def describe_result(
        self, blob: WrittenBlob, width: int, height: int, **more: Any
    ) -> JobResult:
        """Describe a stored result with its provenance, and further fields."""
        return JobResult(
            blob=blob,
            width=width,
            height=height,
            exact=not self.provenance.inexact,
            exact_reason=self.provenance.inexact or None,
            provenance=self.provenance.to_dict(),
            **more,
        )

    def delete(self, keys: Iterable[str]) -> None:
        """Delete blobs that no row names any more; a failure is logged."""
        delete_blobs(self._context.storage, keys)

    def warn(self, code: str, message: str) -> None:
        """Add a warning to the job: a problem that does not stop it."""
        log.warning("job_warned", code=code, error=message)
        self._unstored_warnings[code] = message
        self.retry_pending()

    def retry_pending(self) -> None:
        """Record all pending artifacts, unless the last heartbeat failed."""
        if self._lease.is_cut_off:
            return
        try:
            self.record_pending()
        except DatabaseUnavailable as error:
            log.warning("records_delayed", error=str(error))
            self._lease.report_outage()

    def record_pending(self) -> None:
        """Record all pending artifacts.

        Raises:
            FencedOut: A newer claim owns the job.
            DatabaseUnavailable: Some artifacts are still pending.
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


class Throttle:
    """Throttle for previews or checkpoints, by an interval and by their cost.

    The actions take at most half a percent of the time.

    Args:
        interval_seconds: Minimum seconds between two actions.
        first_is_due: True if the first action is due immediately.
        clock: Clock of the process.
    """

    def __init__(
        self, interval_seconds: float, clock: Clock, *, first_is_due: bool
    ) -> None:
        self._interval_seconds, self._clock = interval_seconds, clock
        self._due_at = clock.monotonic() + (0 if first_is_due else interval_seconds)

    def is_due(self) -> bool:
        """Return whether the next action is due."""
        return self._clock.monotonic() >= self._due_at

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Measure the duration of the `with` block, which delays the next action."""
        started_at = self._clock.monotonic()
        try:
            yield
        finally:
            ended_at = self._clock.monotonic()
            delay = max(self._interval_seconds, COST_FACTOR * (ended_at - started_at))
            self._due_at = ended_at + delay


def _written_blob(key: str, data: bytes) -> WrittenBlob:
    return WrittenBlob(key, hashlib.sha256(data).hexdigest(), len(data))


def _shrink(picture: Image.Image, edge_px: int) -> Image.Image:
    if max(picture.size) <= edge_px:
        return picture
    shrunk = picture.copy()
    shrunk.thumbnail((edge_px, edge_px), Image.Resampling.BICUBIC)
    return shrunk


def _jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_PREVIEW_QUALITY)
    return buffer.getvalue()
