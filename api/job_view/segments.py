"""What a job is made of over its iterations: parameters as submitted, and changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.job_view.schemas import SegmentObject
from shared.params.kinds import JobKind
from shared.params.segments import Changes, Segment, StyleShare, steered
from shared.params.style import StyleParams

if TYPE_CHECKING:
    from shared.db.models.jobs import Job
    from shared.queries.details import JobDetails


@dataclass(frozen=True, slots=True)
class Course:
    """The plan of a job with all that was asked since.

    Attributes:
        segments: The changes, in the order they begin; those that wait come last.
        current: What can change, as it is with all of them; None: nothing can.
        stages: (long side in px, iterations) per scale.
    """

    segments: list[SegmentObject]
    current: Changes | None
    stages: tuple[tuple[int, int], ...]


def course_of(job: Job, known: JobDetails) -> Course:
    """Put the changes of a job together."""
    if job.kind == JobKind.EXPLORE:  # its pictures count alike
        return Course([], None, ((1, job.iterations),))
    begun = known.segments.get(job.id, ())
    pending = known.pending.get(job.id, [])
    marks = [
        SegmentObject(from_iteration=one.from_iteration, changes=one.changes.stored())
        for one in begun
    ]
    marks += [
        SegmentObject(from_iteration=None, changes=one.stored()) for one in pending
    ]
    params = StyleParams.model_validate(job.params)
    last = begun[-1].from_iteration if begun else 0
    waiting = [Segment(from_iteration=last, changes=one) for one in pending]
    now = steered(params, (*begun, *waiting))
    return Course(marks, _current(now), now.stages)


def _current(params: StyleParams) -> Changes:
    return Changes(
        content_weight=params.content_weight,
        style_weight=params.style_weight,
        tv_weight=params.tv_weight,
        styles=tuple(StyleShare(weight=style.weight) for style in params.styles),
        iterations=params.stages[-1][1],
    )
