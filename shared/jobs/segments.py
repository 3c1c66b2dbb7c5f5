"""The segments of jobs: changes of parameters and the iterations they begin at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from shared.db.models.jobs import JobSegment
from shared.params.segments import Segment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.orm import Session


def segment_rows(job_id: str, segments: Iterable[Segment]) -> list[JobSegment]:
    """Make the rows of segments whose beginning is known."""
    return [
        JobSegment(
            job_id=job_id,
            from_iteration=segment.from_iteration,
            changes=segment.changes.stored(),
        )
        for segment in segments
    ]


def steered_iterations(session: Session, job_ids: Sequence[str]) -> dict[str, int]:
    """Read what the last scale's iterations are by now, of jobs that had them changed.

    Changes that have not begun yet count too. It reads many jobs at little cost: of all
    that can change, nothing else takes time.
    """
    row = JobSegment
    waits = row.from_iteration.is_(None)
    rows = session.execute(
        select(row.job_id, row.changes)
        .where(row.job_id.in_(job_ids))
        .order_by(row.job_id, waits, row.from_iteration, row.id)
    )
    wanted = ((job_id, changes.get("iterations")) for job_id, changes in rows)
    return {job_id: count for job_id, count in wanted if count is not None}


def segments_of(
    session: Session, job_ids: Sequence[str]
) -> dict[str, tuple[Segment, ...]]:
    """Read the segments whose beginning is known, in order, by job id."""
    row = JobSegment
    rows = session.scalars(
        select(row)
        .where(row.job_id.in_(job_ids), row.from_iteration.is_not(None))
        .order_by(row.job_id, row.from_iteration, row.id)
    )
    found: dict[str, tuple[Segment, ...]] = {}
    for one in rows:
        segment = Segment.model_validate(
            {"from_iteration": one.from_iteration, "changes": one.changes}
        )
        found[one.job_id] = (*found.get(one.job_id, ()), segment)
    return found
