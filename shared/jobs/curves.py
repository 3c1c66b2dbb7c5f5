"""The losses of a job over its iterations: written by its worker, read by people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.jobs.holding import lock_held
from shared.mark_models import JobCurve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.db import Database
    from shared.jobs.claiming import Claim

    Point = list[int | float | None]


def keep_curve(db: Database, claim: Claim, points: Sequence[Point]) -> None:
    """Write the losses so far, in place of what was there.

    Raises:
        FencedOut: A newer claim owns the job.
    """
    with db.write() as session:
        lock_held(session, claim)
        session.merge(JobCurve(job_id=claim.job_id, points=list(points)))


def read_curve(db: Database, job_id: str) -> list[Point]:
    """Read the losses of a job; empty where none have been written."""
    with db.read() as session:
        found = session.get(JobCurve, job_id)
        return [] if found is None else list(found.points)
