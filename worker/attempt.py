"""One attempt at one style job: from the stored pictures to the stored result.

The only place where the engine meets the life of a job. It obeys the lease between
two iterations, of pictures in tiles also between two tiles, and leaves the moving of
the row to the runner.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from shared import jobs
from shared.formats import FORMATS
from worker.endurance import endure
from worker.engine.limits import Limits
from worker.engine.transfer import stylize
from worker.keeper import Keeper
from worker.lease import Order
from worker.originals import read_originals
from worker.pace import Pace
from worker.previews import keep_preview
from worker.progress import Meter
from worker.results import encode, write_recipe
from worker.room import room_on

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.jobs import Claim
    from shared.params import StyleParams
    from worker.engine.sources import Sources
    from worker.engine.transfer import Iterate, Snapshot
    from worker.lease import Lease
    from worker.pictures import Picture
    from worker.results import Encoded
    from worker.room import Room
    from worker.tools import Tools


class _Interrupted(Exception):
    """An order came while an iteration was under way."""

    def __init__(self, order: Order) -> None:
        super().__init__(order.value)
        self.order = order


class Attempt:
    """A claimed job on its way to a picture.

    Args:
        tools: What this worker process has.
        claim: The job.
        lease: Its life line; must be beating.
    """

    def __init__(self, tools: Tools, claim: Claim[StyleParams], lease: Lease) -> None:
        self._tools, self._claim, self._lease = tools, claim, lease
        self._keeper = Keeper(tools, claim, lease)
        self._meter = Meter()
        self._previews = Pace(tools.settings.preview_seconds, at_once=True)

    def run(self) -> jobs.Result | Order:
        """Optimize to the end, or until the lease says otherwise.

        Returns:
            The stored result; or the order that was obeyed, after a checkpoint where
            that makes sense.

        Raises:
            FencedOut: A newer claim owns the job.
            ImpastoError: The job cannot be done, or not now.
        """
        tools, params = self._tools, self._claim.params
        network, weights_digest = tools.networks.get(params.network)
        device = tools.device
        originals = read_originals(tools.storage, self._claim, device.torch_device)
        room = room_on(device.bytes, network, params, originals.sources)
        self._origin = self._keeper.origin(weights_digest, tiling=room.plan)
        last = self._resumption()
        iterates = endure(
            room, last, partial(self._iterates, originals.sources), self._narrowed
        )
        ended = self._follow(iterates, last)
        if isinstance(ended, Order):
            return ended
        return self._save(self._encoded(ended, originals.photo))

    def _resumption(self) -> Snapshot | None:
        found = self._keeper.resumption(self._origin)
        if found is None:
            return None
        self._origin = replace(self._origin, inexact=found.inexact)
        return found.snapshot

    def _iterates(
        self, sources: Sources, room: Room, here: Snapshot | None
    ) -> Iterator[Iterate]:
        limits = Limits(room.activation_bytes, tick=partial(self._tick, room))
        segments = self._claim.segments
        return stylize(
            sources,
            room.params,
            room.network,
            resume=here,
            segments=segments,
            limits=limits,
        )

    def _tick(self, room: Room) -> None:
        """After each tile: tell, and obey if there are more to come."""
        self._lease.touch()
        if room.is_tiled and (order := self._lease.order()) is not Order.GO_ON:
            raise _Interrupted(order)

    def _narrowed(self, room: Room) -> None:
        reason = f"memory ran out: went on in tiles of {room.plan}"
        inexact = self._origin.inexact or reason
        maker = self._origin.maker | {"tiling": room.plan}
        self._origin = replace(self._origin, maker=maker, inexact=inexact)
        self._keeper.warn("computed_in_tiles", reason)

    def _follow(
        self, iterates: Iterator[Iterate], last: Snapshot | None
    ) -> Snapshot | Order:
        """Attend each iterate; return the last one, or the order that came first."""
        fresh = False
        try:
            for iterate in iterates:
                last, fresh = iterate.snapshot(), True
                if (order := self._attend(iterate)) is not Order.GO_ON:
                    return order
        except _Interrupted as interruption:
            order = interruption.order
            if last is not None and fresh:
                self._keep_checkpoint(last, order)
            return order
        if last is None:
            raise RuntimeError("a schedule without iterations passed validation")
        return last

    def _attend(self, iterate: Iterate) -> Order:
        """Between two iterations: tell, obey, keep."""
        self._lease.report(iterate.iteration, self._meter.progress(iterate))
        order = self._lease.order()
        self._keep_checkpoint(iterate.snapshot(), order)
        if order is Order.GO_ON and self._previews.is_due():
            with self._previews.measured():
                keep_preview(self._tools.db, self._tools.storage, self._claim, iterate)
        return order

    def _keep_checkpoint(self, snapshot: Snapshot, order: Order) -> None:
        if self._keeper.wants_checkpoint(order):
            self._keeper.keep_checkpoint(snapshot, self._origin)

    def _encoded(self, last: Snapshot, photo: Picture) -> Encoded:
        params, recipe = self._claim.params, None
        if params.metadata:
            recipe = write_recipe(self._claim, self._origin, last.iteration)
        encoded = encode(last.image, params, photo, recipe)
        for code, message in encoded.warnings:
            self._keeper.warn(code, message)
        return encoded

    def _save(self, picture: Encoded) -> jobs.Result | Order:
        ending = FORMATS[self._claim.params.format].ending
        written = self._keeper.save(ending, picture.data)
        if isinstance(written, Order):
            return written
        return jobs.Result(
            blob=written,
            width=picture.width,
            height=picture.height,
            exact=not self._origin.inexact,
            exact_reason=self._origin.inexact or None,
        )
