"""The losses of a job over its iterations: written by its worker, read by people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.db.models.jobs import JobLossHistory
from shared.jobs.lease import lock_held

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.db.database import Database
    from shared.jobs.claim import Claim

    Point = list[int | float | None]


def store_loss_history(db: Database, claim: Claim, points: Sequence[Point]) -> None:
    """Write the losses so far, in place of what was there.

    Raises:
        FencedOut: A newer claim owns the job.
    """
    with db.write() as session:
        lock_held(session, claim)
        session.merge(JobLossHistory(job_id=claim.job_id, points=list(points)))


def read_loss_history(db: Database, job_id: str) -> list[Point]:
    """Read the losses of a job; empty where none have been written."""
    with db.read() as session:
        found = session.get(JobLossHistory, job_id)
        return [] if found is None else list(found.points)
