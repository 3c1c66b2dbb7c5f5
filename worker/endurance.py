"""Going on in smaller tiles when the memory of a device runs out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.failures import is_out_of_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.engine.snapshot import Iterate, Snapshot
    from worker.room import Room


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
