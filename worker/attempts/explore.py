"""Attempt at an exploration: from the stored pictures to contact sheets.

Jobs of the kind `explore` have the same claims, leases and checkpoints as style jobs.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from PIL import Image

from shared.images.inspect import decode_rgb
from shared.jobs.lease import StoredOutput
from shared.workers.pace_table import scale_megapixels
from worker.attempts.artifacts import ArtifactStore
from worker.attempts.contact_sheets import PatchTiles, contact_sheet_files, cut_tile
from worker.attempts.progress import ProgressMeter, expected_times, store_paces
from worker.checkpoint_file import read_verified
from worker.engine.activation_patches import (
    find_activation_patches,
    load_top_activations,
    select_units,
)
from worker.engine.images.tensors import to_tensor
from worker.lease import Directive

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from torch import Tensor

    from shared.jobs.claim import BlobRef, Claim
    from shared.jobs.lease import JobResult
    from shared.params.explore import ExploreParams
    from worker.attempts.contact_sheets import SheetFile
    from worker.context import WorkerContext
    from worker.engine.activation_patches import (
        PatchSearchState,
        TopActivations,
        UnitPatches,
    )
    from worker.engine.vgg.receptive_field import Box
    from worker.lease import Lease


class ExploreAttempt:
    """Attempt at a claimed exploration.

    Args:
        context: Resources of the worker process.
        claim: Claim of the job.
        lease: Lease of the claim; must be entered.
    """

    def __init__(
        self, context: WorkerContext, claim: Claim[ExploreParams], lease: Lease
    ) -> None:
        self._context, self.claim, self._lease = context, claim, lease
        self._params = claim.params
        pictures = claim.inputs.get("picture", {})
        self._pictures = [pictures[position] for position in sorted(pictures)]
        self._artifacts = ArtifactStore(context, claim, lease)
        self.record_pending = self._artifacts.record_pending
        self._meter = ProgressMeter(context.clock)
        self._progress: dict[str, Any] | None = None

    def run(self) -> JobResult | Directive:
        """Process every picture and draw the sheets, unless a directive ends it.

        Returns:
            Stored result; or the directive that ended the attempt, after a checkpoint
            if the job resumes later.

        Raises:
            FencedOut: A newer claim owns the job.
            ImpastoError: The job cannot be computed, or not at present.
        """
        # float32, since activations are ranked, and in bfloat16 many would be equal.
        networks, name = self._context.networks, self._params.network
        network, weights_digest = networks.get(name, float32=True)
        snapshot = self._artifacts.resume(weights_digest, precision="float32")
        best: Mapping[str, TopActivations] = {}
        done = 0
        if snapshot is not None:
            best = load_top_activations(snapshot, network.device)
            done = snapshot.iteration
        self._report_estimate(done)
        tensors = self._tensors(done)
        for step in find_activation_patches(
            tensors, self._params, network, resume=snapshot
        ):
            best = step.top_activations
            self._report(step)
            directive = self._lease.directive()
            if self._artifacts.is_checkpoint_due(directive, step.picture_count):
                self._artifacts.save_checkpoint(step.snapshot())
            if directive.ends_attempt:
                return directive
        return self._finish(best)

    def record_pace(self) -> None:
        """Store the measured paces; the result was recorded before."""
        store_paces(self._context, self.claim, self._meter.paces)

    def _report_estimate(self, done: int) -> None:
        """Report the expected duration before the first picture."""
        stages = ((self._params.max_edge, self._params.iterations),)
        sizes = scale_megapixels(stages, 1, 1)
        self._meter.set_expected_pace(
            sizes, expected_times(self._context, self.claim, sizes)
        )
        self._progress = self._meter.loading_progress(done, 0, done)
        self._lease.report(done, self._progress)

    def _tensors(self, done: int) -> Iterator[Tensor]:
        for blob in self._pictures[done:]:
            yield to_tensor(self._read(blob), self._context.device.torch_device)

    def _read(self, blob: BlobRef) -> Image.Image:
        """Read a picture, and shrink it to the long side in the parameters.

        Raises:
            BlobDamaged: The bytes differ from those of the uploaded picture.
            StorageError: The picture cannot be read.
        """
        picture = decode_rgb(read_verified(self._context.storage, blob))
        edge = self._params.max_edge
        picture.thumbnail((edge, edge), Image.Resampling.LANCZOS)
        return picture

    def _report(self, step: PatchSearchState) -> None:
        """Report the progress, as `jobs.progress` stores it."""
        measured = self._meter.progress(
            0, step.picture_count, (step.width, step.height)
        )
        position = {"phase": "looking", "iteration": step.picture_count}
        self._progress = {**position, "losses": {}, **measured}
        self._lease.report(step.picture_count, self._progress)
        self._artifacts.retry_pending()

    def _finish(self, best: Mapping[str, TopActivations]) -> JobResult | Directive:
        units = select_units(best, self._params)
        tiles = self._cut_tiles(units)
        if isinstance(tiles, Directive):
            return tiles
        stored = self._save(contact_sheet_files(self._params, units, tiles))
        if isinstance(stored, Directive):
            return stored
        self._meter.finish()
        first = stored[0]
        return self._artifacts.describe_result(
            first.blob,
            first.width or 0,
            first.height or 0,
            outputs=tuple(stored),
            progress=self._progress,
        )

    def _cut_tiles(self, units: Sequence[UnitPatches]) -> PatchTiles | Directive:
        """Read each picture that has a patch again, and cut its tiles."""
        boxes: dict[int, set[Box]] = {}
        for patch in (patch for unit in units for patch in unit.patches):
            boxes.setdefault(patch.picture, set()).add(patch.box)
        tiles = PatchTiles({}, {})
        for index, picture_boxes in sorted(boxes.items()):
            if (directive := self._lease.wait(0)).ends_attempt:
                return directive
            picture = self._read(self._pictures[index])
            tiles.image_sizes[index] = picture.size
            tiles.tiles.update(
                {(index, box): cut_tile(picture, box) for box in picture_boxes}
            )
        return tiles

    def _save(self, files: Iterable[SheetFile]) -> list[StoredOutput] | Directive:
        """Store all files; delete them if a directive or an error interrupts it."""
        outputs = []
        with ExitStack() as undo:
            for file in files:
                written = self._artifacts.save_result(f"-{file.name}", file.data)
                if isinstance(written, Directive):
                    return written
                undo.callback(self._artifacts.delete, [written.key])
                output = StoredOutput(file.name, written, file.media_type, *file.size)
                outputs.append(output)
            undo.pop_all()
        return outputs
