"""Rows of segments: changes of a job's parameters, and where they begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from shared.db.models.jobs import JobSegment
from shared.params.segments import Changes, Segment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.orm import Session


def segment_rows(job_id: str, segments: Iterable[Segment]) -> list[JobSegment]:
    """Build the rows of segments whose first iteration is known."""
    return [
        JobSegment(
            job_id=job_id,
            from_iteration=segment.from_iteration,
            changes=segment.changes.to_json(),
        )
        for segment in segments
    ]


def steered_iterations(session: Session, job_ids: Sequence[str]) -> dict[str, int]:
    """Read the steered number of iterations of the last scale, by job id.

    Jobs without such a change are omitted. Changes that have not begun are included.
    Only this parameter is read, so that many jobs can be read fast: no other parameter
    changes the duration of a job.
    """
    row = JobSegment
    is_pending = row.from_iteration.is_(None)
    rows = session.execute(
        select(row.job_id, row.changes)
        .where(row.job_id.in_(job_ids))
        .order_by(row.job_id, is_pending, row.from_iteration, row.id)
    )
    counts = ((job_id, changes.get("iterations")) for job_id, changes in rows)
    return {job_id: count for job_id, count in counts if count is not None}


def read_job_segments(
    session: Session, job_ids: Sequence[str]
) -> dict[str, tuple[Segment, ...]]:
    """Read the segments whose first iteration is known, in order, by job id."""
    row = JobSegment
    rows = session.scalars(
        select(row)
        .where(row.job_id.in_(job_ids), row.from_iteration.is_not(None))
        .order_by(row.job_id, row.from_iteration, row.id)
    )
    segments: dict[str, tuple[Segment, ...]] = {}
    for stored in rows:
        segment = Segment.model_validate(
            {"from_iteration": stored.from_iteration, "changes": stored.changes}
        )
        segments[stored.job_id] = (*segments.get(stored.job_id, ()), segment)
    return segments


def read_pending_changes(
    session: Session, job_ids: Sequence[str]
) -> dict[str, list[Changes]]:
    """Read the changes that have not begun, in the order of the requests, by job id."""
    row = JobSegment
    rows = session.execute(
        select(row.job_id, row.changes)
        .where(row.job_id.in_(job_ids), row.from_iteration.is_(None))
        .order_by(row.id)
    )
    pending: dict[str, list[Changes]] = {}
    for job_id, changes in rows:
        pending.setdefault(job_id, []).append(Changes.model_validate(changes))
    return pending
