"""How long jobs take on each kind of worker, by what they still have to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.forecast.pace_model import look_costs, look_method, method_of, scale_sizes
from shared.forecast.time_left import stages_left
from shared.params.kinds import JobKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.forecast.pace_model import Span
    from shared.forecast.pace_store import Timetable


@dataclass(frozen=True, slots=True)
class Work:
    """What there is to do for a job.

    Attributes:
        params: As its row holds them; with the schedule as it is planned by now.
        size: Width and height of its photo, or anything of its shape.
        done: Iterations, or pictures, that it need not do again.
    """

    kind: JobKind
    params: Mapping[str, Any]
    size: tuple[int, int] = (1, 1)
    done: int = 0

    @property
    def stages(self) -> Sequence[tuple[int, int]]:
        """(long side in px, iterations) per scale; of pictures, each counts alike."""
        if self.kind == JobKind.EXPLORE:
            return ((1, len(self.params["pictures"])),)
        return self.params["schedule"]  # type: ignore[no-any-return]  # checked JSON


def spans_on(times: Timetable, setups: Sequence[str], work: Work) -> dict[str, Span]:
    """How long it takes on each kind of worker of which that is known."""
    span = _SPANS[work.kind]
    found = ((setup, span(times, setup, work)) for setup in setups)
    return {setup: one for setup, one in found if one is not None}


def _style_span(times: Timetable, setup: str, work: Work) -> Span | None:
    if not work.params.get("schedule"):
        return None
    stages = stages_left(work.stages, work.done)
    sizes = scale_sizes(stages, *work.size)
    counts = [count for _, count in stages]
    paces = times.paces(setup, method_of(work.params))
    costs = paces.costs(list(zip(sizes, counts, strict=True)))
    return None if costs is None else costs.total(counts)


def _explore_span(times: Timetable, setup: str, work: Work) -> Span | None:
    params, pictures = work.params, len(work.params["pictures"])
    paces = times.look_paces(setup, look_method(params))
    costs = look_costs(paces, params["max_edge"], pictures)
    return None if costs is None else costs.total([max(0, pictures - work.done)])


_SPANS = {JobKind.STYLE: _style_span, JobKind.EXPLORE: _explore_span}
