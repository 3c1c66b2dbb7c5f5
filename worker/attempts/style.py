"""One attempt at one style job: from the stored pictures to the stored result.

Here the engine meets the job. After each iteration the attempt (1) reports progress,
(2) follows the directive of its lease, (3) stores a preview or a checkpoint if one is
due. Pictures in tiles follow the directive after each tile, too. The state of the job
is changed by the runner alone.

To change parameters, the engine's run is ended and another one started from its last
iterate, with a longer list of segments. So a steered run is the same, bit for bit, as
one that had its segments from the start. When the memory of the device runs out, the
attempt continues from the last iterate in smaller tiles.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from shared.errors import DatabaseUnavailable
from shared.jobs.lease import JobResult
from shared.jobs.steering import begin_segments
from shared.params.formats import FORMATS
from shared.states import Completion
from shared.workers.pace_table import scale_megapixels
from worker.attempts.artifacts import ArtifactStore
from worker.attempts.failures import is_out_of_memory
from worker.attempts.inputs import read_inputs
from worker.attempts.loss_history import LossHistory
from worker.attempts.memory_plan import plan_memory
from worker.attempts.previews import save_preview
from worker.attempts.progress import ProgressMeter
from worker.attempts.throttle import Throttle
from worker.attempts.timings import expected_times, snapshot_position, store_paces
from worker.engine.limits import RunLimits
from worker.engine.transfer import stylize
from worker.images.encode import encode
from worker.images.metadata import write_recipe
from worker.lease import Directive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from shared.jobs.claim import Claim
    from shared.params.segments import Segment
    from shared.params.style import StyleParams
    from shared.workers.pace_table import PaceMeasurement
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
        self._meter, self._loss_history = ProgressMeter(context.clock), LossHistory()
        self._paces: Sequence[PaceMeasurement] = ()
        self._progress: dict[str, Any] | None = None
        self._previews = Throttle(
            context.settings.preview_seconds, context.clock, first_is_due=True
        )
        self._has_picture = False
        self._used_smaller_tiles = False  # memory ran out in this attempt

    def run(self) -> JobResult | Directive:
        """Optimize to the end, or until a directive ends the attempt.

        Returns:
            The stored result; or the directive that ended the attempt, after a
            checkpoint if the job resumes later.

        Raises:
            FencedOut: A newer claim owns the job.
            ImpastoError: The job cannot be done, or not at present.
        """
        context, params = self._context, self.claim.params
        network, weights_digest = context.networks.get(params.network)
        self._lease.touch()
        device = context.device
        inputs = read_inputs(context.storage, self.claim, device.torch_device)
        self._lease.touch()
        plan = self._memory_plan = plan_memory(
            device.bytes, network, params, inputs.transfer_inputs
        )
        self._provenance = self._artifacts.provenance(
            weights_digest, tiling=plan.tiling
        )
        snapshot = self._resume()
        self._report_estimate(inputs.photo, snapshot)
        snapshot, directive = self._iterate(inputs.transfer_inputs, snapshot)
        if directive.ends_attempt:
            if directive.resumes_later and snapshot is not None:
                self._artifacts.save_new_checkpoint(snapshot, self._provenance)
            return directive
        if snapshot is None:
            raise RuntimeError("a schedule without iterations passed validation")
        return self._finish(snapshot, directive, inputs.photo)

    def record_pace(self) -> None:
        """Store the measured paces; the result was recorded before."""
        store_paces(self._context, self.claim, self._paces)

    def _resume(self) -> Snapshot | None:
        resumption = self._artifacts.find_resumption(self._provenance)
        self._lease.touch()
        if resumption is None:
            return None
        self._has_picture = True
        self._loss_history = LossHistory(
            self._artifacts.read_loss_history(),
            until_iteration=resumption.snapshot.iteration,
        )
        self._provenance = replace(self._provenance, inexact=resumption.inexact)
        return resumption.snapshot

    def _report_estimate(self, photo: Picture, snapshot: Snapshot | None) -> None:
        """Report the expected duration before the first iteration."""
        height, width = photo.tensor.shape[-2:]
        sizes = scale_megapixels(self.claim.params.stages, width, height)
        self._meter.set_expected_pace(
            sizes, expected_times(self._context, self.claim, sizes)
        )
        done = (0, 0, 0) if snapshot is None else snapshot_position(snapshot)
        self._lease.report(done[0], self._meter.loading_progress(*done))

    def _iterate(
        self, inputs: TransferInputs, snapshot: Snapshot | None
    ) -> tuple[Snapshot | None, Directive]:
        """Iterate to the end, or until a directive; return the last snapshot and it."""
        if snapshot is not None and self._lease.directive() is Directive.FINISH:
            return snapshot, Directive.FINISH
        start_engine = partial(self._start_engine, inputs)
        loop = IterationLoop(start_engine, self._on_iterate, self._steer)
        return loop.run(snapshot, self.claim.segments)

    def _start_engine(
        self, inputs: TransferInputs, snapshot: Snapshot | None, segments: Segments
    ) -> Iterator[Iterate]:
        run = partial(self._run_engine, inputs, segments)
        return run_with_oom_retry(
            self._memory_plan, snapshot, run, self._use_smaller_tiles
        )

    def _run_engine(
        self,
        inputs: TransferInputs,
        segments: Segments,
        plan: MemoryPlan,
        snapshot: Snapshot | None,
    ) -> Iterator[Iterate]:
        after_tile = partial(self._after_tile, plan)
        limits = RunLimits(plan.activation_bytes, self.claim.step_scale, after_tile)
        return stylize(
            inputs,
            plan.params,
            plan.network,
            resume=snapshot,
            segments=segments,
            limits=limits,
        )

    def _after_tile(self, plan: MemoryPlan) -> None:
        """After each tile: report activity, and stop if a directive says so."""
        self._lease.touch()
        directive = self._lease.directive()
        must_stop = directive.ends_attempt or (
            directive is Directive.FINISH and self._has_picture
        )
        if plan.is_tiled and must_stop:
            raise AttemptInterrupted(directive)

    def _use_smaller_tiles(self, plan: MemoryPlan) -> None:
        self._memory_plan = plan
        reason = f"memory ran out: went on in tiles of {plan.tiling}"
        earlier = "" if self._used_smaller_tiles else self._provenance.inexact
        inexact, self._used_smaller_tiles = earlier or reason, True
        maker = self._provenance.maker | {"tiling": plan.tiling}
        self._provenance = replace(self._provenance, maker=maker, inexact=inexact)
        self._artifacts.warn("computed-in-tiles", reason)

    def _steer(self, iteration: int) -> Segments:
        # If more are pending, the next heartbeat sets them again.
        self._lease.clear_pending_segments()
        while True:
            try:
                segments = begin_segments(self._context.db, self.claim, iteration)
            except DatabaseUnavailable as error:
                # It may say that they have begun: none may be computed without them.
                log.warning("steering_delayed", error=str(error))
                directive = self._lease.wait(STEERING_RETRY_SECONDS)
                if directive not in {Directive.CONTINUE, Directive.STEER}:
                    raise AttemptInterrupted(directive) from error
            else:
                log.info("job_steered", iteration=iteration)
                self.claim = replace(self.claim, segments=segments)
                self._artifacts.claim = self.claim
                return segments

    def _on_iterate(self, iterate: Iterate) -> Directive:
        """After each iteration: report, store what is due, return the directive."""
        self._has_picture = True
        self._progress = self._measure(iterate)
        self._lease.report(iterate.iteration, self._progress)
        self._loss_history.add(iterate)
        self._artifacts.retry_pending()
        directive, snapshot = self._lease.directive(), iterate.snapshot()
        is_scale_done = not directive.ends_attempt and self._is_scale_done(snapshot)
        if is_scale_done or self._artifacts.is_checkpoint_due(
            directive, iterate.iteration
        ):
            # Before the checkpoint: an attempt that resumes there reads the losses.
            self._artifacts.save_loss_history(self._loss_history.points)
            self._artifacts.save_checkpoint(snapshot, self._provenance)
        # No previews in an outage: their rows would be missing.
        wants_preview = directive is Directive.CONTINUE and not self._lease.is_cut_off
        if wants_preview and self._previews.is_due():
            with self._previews.measure():
                db, storage = self._context.db, self._context.storage
                save_preview(db, storage, self.claim, self._lease, iterate)
                self._artifacts.save_loss_history(self._loss_history.points)
        return directive

    def _measure(self, iterate: Iterate) -> dict[str, Any]:
        """Return the progress after an iteration, as `jobs.progress` stores it."""
        height, width = iterate.image.shape[-2:]
        measured = self._meter.progress(
            iterate.scale, iterate.scale_iteration, (width, height)
        )
        return {
            "phase": "optimizing",
            "iteration": iterate.iteration,
            "losses": asdict(iterate.losses),
            **measured,
        }

    def _is_scale_done(self, snapshot: Snapshot) -> bool:
        """Whether the next scale follows, which may not fit or take much longer."""
        stages = self.claim.params.stages
        _, iterations = stages[snapshot.scale]
        is_done = snapshot.scale_iteration == iterations or snapshot.stopped_early
        return is_done and snapshot.scale < len(stages) - 1

    def _finish(
        self, snapshot: Snapshot, directive: Directive, photo: Picture
    ) -> JobResult | Directive:
        """Store the last checkpoint, for forks, and the result."""
        self._artifacts.save_new_checkpoint(snapshot, self._provenance)
        self._artifacts.save_loss_history(self._loss_history.points)
        result = self._save_result(self._encode(snapshot, photo))
        if isinstance(result, Directive):
            return result
        early = directive is Directive.FINISH
        self._paces = self._meter.finish()
        return replace(
            result,
            iterations=snapshot.iteration,
            completion=Completion.EARLY if early else Completion.FULL,
            progress=self._progress,
        )

    def _encode(self, snapshot: Snapshot, photo: Picture) -> EncodedImage:
        params, recipe = self.claim.params, None
        if params.embed_recipe:
            recipe = write_recipe(self.claim, self._provenance, snapshot.iteration)
        encoded = encode(snapshot.image, params, photo, recipe)
        for code, message in encoded.warnings:
            self._artifacts.warn(code, message)
        return encoded

    def _save_result(self, picture: EncodedImage) -> JobResult | Directive:
        extension = FORMATS[self.claim.params.format].extension
        written = self._artifacts.save_result(extension, picture.data)
        if isinstance(written, Directive):
            return written
        return JobResult(
            blob=written,
            width=picture.width,
            height=picture.height,
            exact=not self._provenance.inexact,
            exact_reason=self._provenance.inexact or None,
            provenance=self._provenance.to_dict(),
        )


Segments = tuple["Segment", ...]


class AttemptInterrupted(Exception):
    """A directive ended an iteration half-way; the one before stays valid."""

    def __init__(self, directive: Directive) -> None:
        super().__init__(directive.value)
        self.directive = directive


@dataclass(frozen=True, slots=True)
class IterationLoop:
    """Loop over the iterations of an attempt, restarted at each change of segments.

    Attributes:
        start_engine: Function that starts the engine at a snapshot (None: at the first
            iteration) with all segments so far.
        on_iterate: Function called after each iteration; returns the directive.
        steer: Function that begins the pending segments after the given iteration; it
            returns all segments.
    """

    start_engine: Callable[[Snapshot | None, Segments], Iterable[Iterate]]
    on_iterate: Callable[[Iterate], Directive]
    steer: Callable[[int], Segments]

    def run(
        self, snapshot: Snapshot | None, segments: Segments
    ) -> tuple[Snapshot | None, Directive]:
        """Iterate to the end, or until a directive ends it.

        Returns:
            The last snapshot and the directive; CONTINUE: every iteration is done.
        """
        while True:
            current = segments
            snapshot, directive, segments = self._run(snapshot, current)
            if directive is not Directive.CONTINUE or segments == current:
                return snapshot, directive

    def _run(
        self, snapshot: Snapshot | None, current: Segments
    ) -> tuple[Snapshot | None, Directive, Segments]:
        """Iterate with the same segments; return the new ones after a steering."""
        try:
            for iterate in self.start_engine(snapshot, current):
                snapshot, directive = iterate.snapshot(), self.on_iterate(iterate)
                if directive is Directive.STEER:
                    segments = self.steer(iterate.iteration)
                    if segments != current:
                        return snapshot, Directive.CONTINUE, segments
                elif directive is not Directive.CONTINUE:
                    return snapshot, directive, current
        except AttemptInterrupted as interruption:
            return snapshot, interruption.directive, current
        return snapshot, Directive.CONTINUE, current


def run_with_oom_retry(
    plan: MemoryPlan,
    start: Snapshot | None,
    run: Callable[[MemoryPlan, Snapshot | None], Iterator[Iterate]],
    on_smaller_tiles: Callable[[MemoryPlan], None],
) -> Iterator[Iterate]:
    """Run the engine; when memory runs out, continue from the last iterate with less.

    Args:
        plan: Memory plan to start with.
        start: Snapshot to start from; None: the first iteration.
        run: Function that runs the engine by a plan, from a snapshot.
        on_smaller_tiles: Function called with each smaller plan before it is used.

    Raises:
        torch.OutOfMemoryError: Memory does not suffice for the smallest tiles. Or
            another error for which `is_out_of_memory` is true.
    """
    snapshot, start = start, None  # a snapshot takes as much memory as a run
    while True:
        try:
            for iterate in run(plan, snapshot):
                snapshot = iterate.snapshot()
                yield iterate
        except Exception as error:
            smaller = plan.with_smaller_tiles() if is_out_of_memory(error) else None
            if smaller is None:
                raise
        else:
            return
        plan = smaller  # outside the handler, where the error no longer holds tensors
        on_smaller_tiles(plan)
