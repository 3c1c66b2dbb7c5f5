"""Segments of a job: its parameters by iteration, with all requested changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from api.job_view.schemas import SegmentObject
from shared.params.kinds import JobKind
from shared.params.segments import Changes, Segment, StyleShare, apply_segments
from shared.params.style import StyleParams

if TYPE_CHECKING:
    from shared.db.models.jobs import Job
    from shared.queries.details import JobDetails


@dataclass(frozen=True, slots=True)
class PlannedSegments:
    """Segments of a job, and the parameters that result from them.

    Attributes:
        segments: Changes in the order in which they begin; pending ones come last.
        current: Steerable parameters with all changes, or None if there are none.
        stages: (long side in px, iterations) per scale.
    """

    segments: list[SegmentObject]
    current: Changes | None
    stages: tuple[tuple[int, int], ...]


def plan_segments(job: Job, details: JobDetails) -> PlannedSegments:
    """Return the segments of a job that have begun and those that are pending."""
    if job.kind == JobKind.EXPLORE:  # all pictures count equally
        return PlannedSegments([], None, ((1, job.iterations),))
    begun = details.segments.get(job.id, ())
    pending = details.pending_changes.get(job.id, [])
    segments = [
        SegmentObject(
            from_iteration=segment.from_iteration, changes=segment.changes.to_json()
        )
        for segment in begun
    ]
    segments += [
        SegmentObject(from_iteration=None, changes=changes.to_json())
        for changes in pending
    ]
    params = StyleParams.model_validate(job.params)
    last = begun[-1].from_iteration if begun else 0
    waiting = [Segment(from_iteration=last, changes=changes) for changes in pending]
    steered = apply_segments(params, (*begun, *waiting))
    return PlannedSegments(segments, _steerable(steered), steered.stages)


def _steerable(params: StyleParams) -> Changes:
    return Changes(
        content_weight=params.content_weight,
        style_weight=params.style_weight,
        tv_weight=params.tv_weight,
        styles=tuple(StyleShare(weight=style.weight) for style in params.styles),
        iterations=params.stages[-1][1],
    )
