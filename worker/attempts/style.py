"""One attempt at one style job: from the stored pictures to the stored result.

The only place where the engine meets the life of a job. It obeys the lease between
two iterations, of pictures in tiles also between two tiles, and leaves the moving of
the row to the runner.

The iterations of one attempt, and what people want of it between two of them.

To change parameters, the engine's run is ended and another one begun from its last
iterate, with a longer list of segments. So a steered run is the same, bit for bit, as
one that knew its segments from the start.

Going on in smaller tiles when the memory of a device runs out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from shared.errors import DatabaseUnavailable
from shared.jobs.lease import Result
from shared.jobs.steering import begin_segments
from shared.params.formats import FORMATS
from shared.states import Completion
from worker.attempts.artifacts import Keeper
from worker.attempts.failures import is_out_of_memory
from worker.attempts.inputs import read_originals
from worker.attempts.loss_history import Curve
from worker.attempts.memory_plan import room_on
from worker.attempts.previews import keep_preview
from worker.attempts.progress import Meter
from worker.attempts.throttle import Pace
from worker.attempts.timings import Times, left_of, place_of
from worker.engine.limits import Limits
from worker.engine.transfer import stylize
from worker.images.encode import encode
from worker.images.metadata import write_recipe
from worker.lease import Order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from shared.jobs.claim import Claim
    from shared.params.segments import Segment
    from shared.params.style import StyleParams
    from worker.attempts.memory_plan import Room
    from worker.context import Tools
    from worker.engine.images.inputs import Sources
    from worker.engine.snapshot import Iterate, Snapshot
    from worker.images.encode import Encoded
    from worker.images.load import Picture
    from worker.lease import Lease

log = structlog.get_logger(__name__)


class Attempt:
    """A claimed job on its way to a picture.

    Args:
        tools: What this worker process has.
        claim: The job.
        lease: Its life line; must be beating.
    """

    def __init__(self, tools: Tools, claim: Claim[StyleParams], lease: Lease) -> None:
        self._tools, self._claim, self._lease = tools, claim, lease
        self._segments = claim.segments
        self._keeper = Keeper(tools, claim, lease)
        self._meter, self._curve = Meter(), Curve()
        self._times = Times(tools, claim)
        self._told: dict[str, Any] | None = None
        self._previews = Pace(tools.settings.preview_seconds, at_once=True)
        self._has_picture = False
        self._is_narrowed = False  # memory has run out in this attempt

    def run(self) -> Result | Order:
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
        self._lease.touch()
        device = tools.device
        originals = read_originals(tools.storage, self._claim, device.torch_device)
        self._lease.touch()
        room = self._room = room_on(device.bytes, network, params, originals.sources)
        self._origin = self._keeper.origin(weights_digest, tiling=room.plan)
        resumption = self._resumption()
        self._foretell(originals.photo, resumption)
        here, order = self._follow(originals.sources, resumption)
        if order.lets_go:
            if order.keeps and here is not None:
                self._keeper.keep_once(here, self._origin)
            return order
        if here is None:
            raise RuntimeError("a schedule without iterations passed validation")
        return self._end(here, order, originals.photo)

    def learn(self) -> None:
        """Tell what it took, once its result is kept for good."""
        self._times.learn()

    def _resumption(self) -> Snapshot | None:
        found = self._keeper.resumption(self._origin)
        self._lease.touch()
        if found is None:
            return None
        self._has_picture = True
        self._curve = Curve(self._keeper.curve(), until=found.snapshot.iteration)
        self._origin = replace(self._origin, inexact=found.inexact)
        return found.snapshot

    def _foretell(self, photo: Picture, here: Snapshot | None) -> None:
        """Say how long it will take, before the first iteration."""
        height, width = photo.tensor.shape[-2:]
        done = (0, 0, 0) if here is None else place_of(here)
        stages = left_of(self._claim, done)
        self._meter.expect(self._times.paces(), stages, (width, height))
        self._lease.report(done[0], self._meter.preparing(*done))

    def _follow(
        self, sources: Sources, here: Snapshot | None
    ) -> tuple[Snapshot | None, Order]:
        """Iterate to the end, or to where an order ends it; return where, and it."""
        if here is not None and self._lease.order() is Order.FINISH:
            return here, Order.FINISH
        begin = partial(self._begin, sources)
        return Course(begin, self._attend, self._steer).follow(here, self._segments)

    def _begin(
        self, sources: Sources, here: Snapshot | None, segments: Segments
    ) -> Iterator[Iterate]:
        run = partial(self._iterates, sources, segments)
        return endure(self._room, here, run, self._narrowed)

    def _iterates(
        self, sources: Sources, segments: Segments, room: Room, here: Snapshot | None
    ) -> Iterator[Iterate]:
        tick, step = partial(self._tick, room), self._claim.step_scale
        limits = Limits(room.activation_bytes, step, tick)
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
        order = self._lease.order()
        obeys = order.lets_go or (order is Order.FINISH and self._has_picture)
        if room.is_tiled and obeys:
            raise Interrupted(order)

    def _narrowed(self, room: Room) -> None:
        self._room = room
        reason = f"memory ran out: went on in tiles of {room.plan}"
        before = "" if self._is_narrowed else self._origin.inexact
        inexact, self._is_narrowed = before or reason, True
        maker = self._origin.maker | {"tiling": room.plan}
        self._origin = replace(self._origin, maker=maker, inexact=inexact)
        self._keeper.warn("computed_in_tiles", reason)

    def _steer(self, iteration: int) -> Segments | None:
        self._lease.steered()  # the next heartbeat tells if there is more
        try:
            segments = begin_segments(self._tools.db, self._claim, iteration)
        except DatabaseUnavailable as error:
            log.warning("steering_delayed", error=str(error))
            return None
        log.info("job_steered", iteration=iteration)
        self._segments = segments
        return segments

    def _attend(self, iterate: Iterate) -> Order:
        """Between two iterations: tell, obey, keep."""
        self._has_picture = True
        self._told = self._meter.progress(iterate)
        self._lease.report(iterate.iteration, self._told)
        self._curve.add(iterate)
        order, here = self._lease.order(), iterate.snapshot()
        ends_scale = not order.lets_go and self._ends_scale(here)
        if ends_scale or self._keeper.wants_checkpoint(order, iterate.iteration):
            self._keeper.keep_curve(self._curve.points)  # whoever resumes goes on there
            self._keeper.keep_checkpoint(here, self._origin)
        if order is Order.GO_ON and self._previews.is_due():
            with self._previews.measured():
                keep_preview(self._tools.db, self._tools.storage, self._claim, iterate)
                self._keeper.keep_curve(self._curve.points)
        return order

    def _ends_scale(self, here: Snapshot) -> bool:
        """Whether the next scale comes, which may not fit or take much longer."""
        stages = self._claim.params.stages
        _, iterations = stages[here.scale]
        is_over = here.scale_iteration == iterations or here.is_still
        return is_over and here.scale < len(stages) - 1

    def _end(self, here: Snapshot, order: Order, photo: Picture) -> Result | Order:
        """Keep where it ended, for whoever wants to go on from it, and the picture."""
        self._keeper.keep_once(here, self._origin)
        self._keeper.keep_curve(self._curve.points)
        saved = self._save(self._encoded(here, photo))
        if isinstance(saved, Order):
            return saved
        early = order is Order.FINISH
        is_as_foretold = (
            not early
            and self._segments == self._claim.segments
            and not self._claim.params.early_stop
        )
        self._times.note(self._meter, is_as_foretold=is_as_foretold)
        return replace(
            saved,
            iterations=here.iteration,
            completion=Completion.EARLY if early else Completion.FULL,
            progress=self._told,
        )

    def _encoded(self, last: Snapshot, photo: Picture) -> Encoded:
        params, recipe = self._claim.params, None
        if params.embed_recipe:
            claim = replace(self._claim, segments=self._segments)
            recipe = write_recipe(claim, self._origin, last.iteration)
        encoded = encode(last.image, params, photo, recipe)
        for code, message in encoded.warnings:
            self._keeper.warn(code, message)
        return encoded

    def _save(self, picture: Encoded) -> Result | Order:
        ending = FORMATS[self._claim.params.format].ending
        written = self._keeper.save(ending, picture.data)
        if isinstance(written, Order):
            return written
        return Result(
            blob=written,
            width=picture.width,
            height=picture.height,
            exact=not self._origin.inexact,
            exact_reason=self._origin.inexact or None,
            provenance=self._origin.told(),
        )


Segments = tuple["Segment", ...]


class Interrupted(Exception):
    """An order came while an iteration was under way; the last one stays valid."""

    def __init__(self, order: Order) -> None:
        super().__init__(order.value)
        self.order = order


@dataclass(frozen=True, slots=True)
class Course:
    """How an attempt goes on.

    Attributes:
        begin: Starts the engine at a snapshot (None: at the beginning), with all that
            is known to change.
        attend: Is called after each iteration; tells what to do next.
        steer: Lets pending changes begin after the given iteration; returns all, or
            None while that cannot be recorded: then they wait.
    """

    begin: Callable[[Snapshot | None, Segments], Iterable[Iterate]]
    attend: Callable[[Iterate], Order]
    steer: Callable[[int], Segments | None]

    def follow(
        self, here: Snapshot | None, segments: Segments
    ) -> tuple[Snapshot | None, Order]:
        """Iterate until the end, or until an order ends it.

        Returns:
            Where it came to, and the order; GO_ON: every iteration is done.
        """
        while True:
            known = segments
            here, order, segments = self._run(here, known)
            if order is not Order.GO_ON or segments == known:
                return here, order

    def _run(
        self, here: Snapshot | None, known: Segments
    ) -> tuple[Snapshot | None, Order, Segments]:
        """Iterate with the same segments; return where to, the order, the new ones."""
        try:
            for iterate in self.begin(here, known):
                here, order = iterate.snapshot(), self.attend(iterate)
                if order is Order.STEER:
                    segments = self.steer(iterate.iteration) or known
                    if segments != known:
                        return here, Order.GO_ON, segments
                elif order is not Order.GO_ON:
                    return here, order, known
        except Interrupted as interruption:
            return here, interruption.order, known
        return here, Order.GO_ON, known


def endure(
    room: Room,
    start: Snapshot | None,
    run: Callable[[Room, Snapshot | None], Iterator[Iterate]],
    narrowed: Callable[[Room], None],
) -> Iterator[Iterate]:
    """Run; whenever memory runs out, go on from the last iterate with less.

    Args:
        room: To begin with.
        start: Where to begin; None: at the beginning.
        run: Iterates in some room, from some point on.
        narrowed: Told of each smaller room before it is used.

    Raises:
        torch.OutOfMemoryError: Memory does not suffice for the smallest tiles. Or
            another error for which `is_out_of_memory` is true.
    """
    here, start = start, None  # which is as large as the run
    while True:
        try:
            for iterate in run(room, here):
                here = iterate.snapshot()
                yield iterate
        except Exception as error:
            smaller = room.narrowed() if is_out_of_memory(error) else None
            if smaller is None:
                raise
        else:
            return
        room = smaller  # outside, where the error no longer holds on to tensors
        narrowed(room)
