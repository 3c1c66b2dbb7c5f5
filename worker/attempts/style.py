"""Attempt at a style job: from the stored pictures to the stored result.

The loop over the iterations is in `StyleAttempt._iterate`, which connects the engine
with the job. A picture in tiles checks the directive after each tile, too. Only the
runner changes the state of the job.

A change of parameters is recorded before the engine uses it. So a steered run has the
same bits as a run that had its segments from the start. When the memory of the device
runs out, the attempt continues from the last iterate in smaller tiles.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from shared.errors import DatabaseUnavailable
from shared.jobs.steering import begin_segments
from shared.params.formats import FORMATS
from shared.states import Completion
from shared.workers.pace_table import scale_megapixels
from worker.attempts.artifacts import ArtifactStore
from worker.attempts.failures import is_out_of_memory
from worker.attempts.inputs import read_inputs
from worker.attempts.memory_plan import plan_memory
from worker.attempts.progress import ProgressMeter, expected_times, store_paces
from worker.engine.images.tiling import RunLimits
from worker.engine.transfer import stylize
from worker.images.encode import encode, write_recipe
from worker.lease import Directive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.jobs.claim import Claim
    from shared.jobs.lease import JobResult
    from shared.params.segments import Segment
    from shared.params.style import StyleParams
    from worker.attempts.memory_plan import MemoryPlan
    from worker.context import WorkerContext
    from worker.engine.images.inputs import TransferInputs
    from worker.engine.snapshot import Iterate, Snapshot
    from worker.images.encode import EncodedImage
    from worker.images.load import Picture
    from worker.lease import Lease

log = structlog.get_logger(__name__)

STEERING_RETRY_SECONDS = 1.0


class StyleAttempt:
    """Attempt at a claimed style job.

    Args:
        context: Resources of the worker process.
        claim: Claim of the job.
        lease: Lease of the claim; must be entered.
    """

    def __init__(
        self, context: WorkerContext, claim: Claim[StyleParams], lease: Lease
    ) -> None:
        self._context, self.claim, self._lease = context, claim, lease
        self._artifacts = ArtifactStore(context, claim, lease)
        self.record_pending = self._artifacts.record_pending
        self._meter = ProgressMeter(context.clock)
        self._progress: dict[str, Any] | None = None
        self._snapshot: Snapshot | None = None  # snapshot of the last iteration
        self._inexact_before_tiles: str | None = None  # set once memory has run out

    def run(self) -> JobResult | Directive:
        """Optimize to the end, or until a directive ends the attempt.

        Returns:
            Stored result; or the directive that ended the attempt, after a checkpoint
            if the job resumes later.

        Raises:
            FencedOut: A newer claim owns the job.
            ImpastoError: The job cannot be computed, or not at present.
        """
        context, params = self._context, self.claim.params
        network, weights_digest = context.networks.get(params.network)
        self._lease.touch()
        device = context.device
        inputs = read_inputs(context.storage, self.claim, device.torch_device)
        self._lease.touch()
        plan = plan_memory(device.bytes, network, params, inputs.transfer_inputs)
        try:
            self._snapshot = self._artifacts.resume(weights_digest, tiling=plan.tiling)
            self._report_estimate(inputs.photo)
            directive = self._iterate(inputs.transfer_inputs, plan)
            if self._snapshot is not None:
                self._store_last_iteration(self._snapshot, directive)
            if directive.ends_attempt:
                return directive
            return self._finish(directive, inputs.photo)
        finally:
            self._snapshot = None  # the runner may need the memory for a smaller one

    def _store_last_iteration(self, snapshot: Snapshot, directive: Directive) -> None:
        """Store what is needed and shown once no worker holds the job."""
        if directive.resumes_later:  # first: all else can be computed again
            self._artifacts.save_checkpoint(snapshot)
        elif directive is Directive.CANCEL:
            self._artifacts.save_losses()
        self._lease.store_progress()
        self._artifacts.save_preview(snapshot)

    def record_pace(self) -> None:
        """Store the measured paces; the result was recorded before."""
        store_paces(self._context, self.claim, self._meter.paces)

    def _iterate(self, inputs: TransferInputs, plan: MemoryPlan) -> Directive:
        """Iterate until a directive ends it; CONTINUE means all iterations are done."""
        if self._snapshot is not None and self._lease.directive() is Directive.FINISH:
            return Directive.FINISH
        segments = list(self.claim.segments)
        try:
            for iterate in self._run_engine(inputs, plan, segments):
                self._snapshot = iterate.snapshot()
                self._report(iterate)
                directive = self._lease.directive()
                if self._is_checkpoint_due(self._snapshot, directive):
                    self._artifacts.save_checkpoint(self._snapshot)
                if directive is Directive.CONTINUE:
                    self._artifacts.save_preview_if_due(self._snapshot)
                elif directive is Directive.STEER:
                    segments[:] = self._begin_segments(iterate.iteration)
                else:
                    return directive
        except AttemptInterrupted as interruption:
            return interruption.directive
        return Directive.CONTINUE

    def _run_engine(
        self, inputs: TransferInputs, plan: MemoryPlan, segments: list[Segment]
    ) -> Iterator[Iterate]:
        """Run the engine; if memory runs out, continue in smaller tiles.

        Args:
            inputs: Pictures of the job.
            plan: Memory plan to start with.
            segments: Changes of parameters; `_iterate` steers the engine by this list.

        Raises:
            torch.OutOfMemoryError: The memory is too small for the smallest tiles.
            Other errors for which `is_out_of_memory` is true are possible.
        """
        network, _ = self._context.networks.get(plan.params.network)
        while True:
            after_tile = partial(self._after_tile, plan)
            limits = RunLimits(plan.tile_pixels, self.claim.step_scale, after_tile)
            try:
                yield from stylize(
                    inputs,
                    plan.params,
                    network,
                    resume=self._snapshot,
                    segments=segments,
                    limits=limits,
                )
            except Exception as error:
                smaller = plan.with_smaller_tiles() if is_out_of_memory(error) else None
                if smaller is None:
                    raise
            else:
                return
            plan = smaller  # outside the handler, since the error refers to tensors
            self._record_smaller_tiles(plan)

    def _after_tile(self, plan: MemoryPlan) -> None:
        """Report activity after a tile, and stop if a directive requests it."""
        self._lease.touch()
        directive = self._lease.directive()
        must_stop = directive.ends_attempt or (
            directive is Directive.FINISH and self._snapshot is not None
        )
        if plan.is_tiled and must_stop:
            raise AttemptInterrupted(directive)

    def _record_smaller_tiles(self, plan: MemoryPlan) -> None:
        """Record that the picture is not exact from this iteration on."""
        reason = f"memory ran out: went on in tiles of {plan.tiling}"
        provenance = self._artifacts.provenance
        if self._inexact_before_tiles is None:
            self._inexact_before_tiles = provenance.inexact
        self._artifacts.provenance = replace(
            provenance,
            maker=provenance.maker | {"tiling": plan.tiling},
            inexact=self._inexact_before_tiles or reason,
        )
        self._artifacts.warn("computed-in-tiles", reason)

    def _begin_segments(self, iteration: int) -> tuple[Segment, ...]:
        """Record that the pending changes begin after `iteration`; return all so far.

        Raises:
            AttemptInterrupted: A directive came while the database was away.
        """
        # If further changes are pending, the next heartbeat sets them again.
        self._lease.clear_pending_segments()
        while True:
            try:
                segments = begin_segments(self._context.db, self.claim, iteration)
            except DatabaseUnavailable as error:
                # The row may say that they have begun, so no iteration may run without
                # them.
                log.warning("steering_delayed", error=str(error))
                directive = self._lease.wait(STEERING_RETRY_SECONDS)
                if directive not in {Directive.CONTINUE, Directive.STEER}:
                    raise AttemptInterrupted(directive) from error
            else:
                log.info("job_steered", iteration=iteration)
                self.claim = replace(self.claim, segments=segments)
                self._artifacts.claim = self.claim
                return segments

    def _is_checkpoint_due(self, snapshot: Snapshot, directive: Directive) -> bool:
        """Return whether to store a checkpoint: if one is due, or between scales.

        The next scale may not fit, or take much longer.
        """
        stages = self.claim.params.stages
        _, iterations = stages[snapshot.scale]
        is_done = snapshot.scale_iteration == iterations or snapshot.stopped_early
        if is_done and snapshot.scale < len(stages) - 1 and not directive.ends_attempt:
            return True
        return self._artifacts.is_checkpoint_due(directive, snapshot.iteration)

    def _report_estimate(self, photo: Picture) -> None:
        """Report the expected duration before the first iteration."""
        height, width = photo.tensor.shape[-2:]
        sizes = scale_megapixels(self.claim.params.stages, width, height)
        self._meter.set_expected_pace(
            sizes, expected_times(self._context, self.claim, sizes)
        )
        done, at = (0, 0, 0), self._snapshot
        if at is not None:
            done = (at.iteration, at.scale, at.scale_iteration)
        self._lease.report(done[0], self._meter.loading_progress(*done))

    def _report(self, iterate: Iterate) -> None:
        """Report the progress, as `jobs.progress` stores it."""
        height, width = iterate.image.shape[-2:]
        measured = self._meter.progress(
            iterate.scale, iterate.scale_iteration, (width, height)
        )
        self._progress = {
            "phase": "optimizing",
            "iteration": iterate.iteration,
            "losses": asdict(iterate.losses),
            **measured,
        }
        self._lease.report(iterate.iteration, self._progress)
        self._artifacts.losses.add(iterate)
        self._artifacts.retry_pending()

    def _finish(self, directive: Directive, photo: Picture) -> JobResult | Directive:
        """Store the last checkpoint, for forks, and the result."""
        snapshot, artifacts = self._snapshot, self._artifacts
        if snapshot is None:
            raise RuntimeError("a schedule without iterations passed validation")
        artifacts.save_checkpoint(snapshot)
        artifacts.save_losses()
        picture = self._encode(snapshot, photo)
        extension = FORMATS[self.claim.params.format].extension
        written = artifacts.save_result(extension, picture.data)
        if isinstance(written, Directive):
            return written
        self._meter.finish()
        early = directive is Directive.FINISH
        return artifacts.describe_result(
            written,
            picture.width,
            picture.height,
            iterations=snapshot.iteration,
            completion=Completion.EARLY if early else Completion.FULL,
            progress=self._progress,
        )

    def _encode(self, snapshot: Snapshot, photo: Picture) -> EncodedImage:
        params, recipe = self.claim.params, None
        if params.embed_recipe:
            provenance = self._artifacts.provenance
            recipe = write_recipe(self.claim, provenance, snapshot.iteration)
        encoded = encode(snapshot.image, params, photo, recipe)
        for code, message in encoded.warnings:
            self._artifacts.warn(code, message)
        return encoded


class AttemptInterrupted(Exception):
    """A directive interrupted an iteration; the previous iteration stays valid."""

    def __init__(self, directive: Directive) -> None:
        super().__init__(directive.value)
        self.directive = directive
