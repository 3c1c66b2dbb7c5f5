"""The iterations of one attempt, and what people want of it between two of them.

To change parameters, the engine's run is ended and another one begun from its last
iterate, with a longer list of segments. So a steered run is the same, bit for bit, as
one that knew its segments from the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.lease import Order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from shared.steering import Segment
    from worker.engine.snapshot import Iterate, Snapshot

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
