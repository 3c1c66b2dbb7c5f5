"""One attempt at one exploration: from the stored pictures to contact sheets.

The counterpart of `worker.attempts.style` for the second kind of job, with the same
claim, lease and checkpoints.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shared.jobs.lease import Output, Result
from worker.attempts.artifacts import Keeper
from worker.attempts.contact_sheets import Cuttings, cut, files_of
from worker.attempts.explore_progress import LookMeter
from worker.attempts.timings import Times
from worker.engine.activation_patches import best_of, explore, units_to_show
from worker.lease import Order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from torch import Tensor

    from shared.jobs.claim import Claim
    from shared.params.explore import ExploreParams
    from worker.attempts.contact_sheets import File
    from worker.checkpoints import Origin
    from worker.context import Tools
    from worker.engine.activation_patches import Best, Look, Unit
    from worker.engine.vgg.receptive_field import Box
    from worker.lease import Lease


class Exploration:
    """A claimed exploration on its way to its sheets.

    Args:
        tools: What this worker process has.
        claim: The job.
        lease: Its life line; must be beating.
    """

    def __init__(self, tools: Tools, claim: Claim[ExploreParams], lease: Lease) -> None:
        self._tools, self._claim, self._lease = tools, claim, lease
        self._params = claim.params
        pictures = claim.inputs.get("picture", {})
        self._pictures = [pictures[position] for position in sorted(pictures)]
        self._keeper = Keeper(tools, claim, lease)
        self._meter, self._times = LookMeter(claim.params), Times(tools, claim)
        self._told: dict[str, Any] | None = None

    def run(self) -> Result | Order:
        """Look at every picture and draw, or stop when the lease says so.

        Returns:
            The stored result; or the order that was obeyed, after a checkpoint where
            that makes sense.

        Raises:
            FencedOut: A newer claim owns the job.
            ImpastoError: The job cannot be done, or not now.
        """
        # Ranks of activations: in bfloat16 many would be equal.
        networks, name = self._tools.networks, self._params.network
        network, weights_digest = networks.get(name, full=True)
        origin = self._keeper.origin(weights_digest, precision="float32")
        resumption = self._keeper.resumption(origin)
        best: Mapping[str, Best] = {}
        snapshot, seen = None, 0
        if resumption is not None:
            origin = replace(origin, inexact=resumption.inexact)
            snapshot = resumption.snapshot
            best, seen = best_of(snapshot, network.device), snapshot.iteration
        self._meter.expect(self._times.paces(), seen)
        self._told = self._meter.preparing(seen)
        self._lease.report(seen, self._told)
        looks = explore(self._tensors(seen), self._params, network, resume=snapshot)
        for look in looks:
            best = look.best
            if (order := self._attend(look, origin)).lets_go:
                return order
        return self._finish(best, origin)

    def learn(self) -> None:
        """Tell what it took, once its result is kept for good."""
        self._times.learn()

    def _tensors(self, seen: int) -> Iterator[Tensor]:
        for blob in self._pictures[seen:]:
            yield self._keeper.tensor(blob, self._params.max_edge)

    def _attend(self, look: Look, origin: Origin) -> Order:
        """Between two pictures: tell, obey, keep."""
        self._told = self._meter.progress(look)
        self._lease.report(look.pictures, self._told)
        order = self._lease.order()
        if self._keeper.wants_checkpoint(order, look.pictures):
            self._keeper.keep_checkpoint(look.snapshot(), origin)
        return order

    def _finish(self, best: Mapping[str, Best], origin: Origin) -> Result | Order:
        units = units_to_show(best, self._params)
        cuttings = self._cut(units)
        if isinstance(cuttings, Order):
            return cuttings
        stored = self._save(files_of(self._params, units, cuttings))
        if isinstance(stored, Order):
            return stored
        self._times.note(self._meter, is_as_foretold=True)
        first = stored[0]
        return Result(
            blob=first.blob,
            width=first.width or 0,
            height=first.height or 0,
            exact=not origin.inexact,
            exact_reason=origin.inexact or None,
            provenance=origin.told(),
            outputs=tuple(stored),
            progress=self._told,
        )

    def _cut(self, units: Sequence[Unit]) -> Cuttings | Order:
        """Read each picture that has a patch once more, and keep only its tiles."""
        boxes: dict[int, set[Box]] = {}
        for patch in (patch for unit in units for patch in unit.patches):
            boxes.setdefault(patch.picture, set()).add(patch.box)
        cuttings = Cuttings({}, {})
        for index, wanted in sorted(boxes.items()):
            if (order := self._lease.wait(0)).lets_go:
                return order
            picture = self._keeper.picture(self._pictures[index], self._params.max_edge)
            cuttings.sizes[index] = picture.size
            tiles = {(index, box): cut(picture, box) for box in wanted}
            cuttings.tiles.update(tiles)
        return cuttings

    def _save(self, files: Iterable[File]) -> list[Output] | Order:
        """Store all of the files or, if something comes between, none."""
        outputs = []
        with ExitStack() as undo:
            for file in files:
                written = self._keeper.save(f"-{file.name}", file.data)
                if isinstance(written, Order):
                    return written
                undo.callback(self._keeper.delete, written.key)
                output = Output(file.name, written, file.media_type, *file.size)
                outputs.append(output)
            undo.pop_all()
        return outputs
