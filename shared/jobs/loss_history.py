"""Loss history: the losses of a job over its iterations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.db.models.jobs import JobLossHistory
from shared.jobs.lease import lock_claimed_job

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.db.database import Database
    from shared.jobs.claim import Claim

    LossPoint = list[int | float | None]


def store_loss_history(db: Database, claim: Claim, points: Sequence[LossPoint]) -> None:
    """Store the losses so far, in place of the stored ones.

    Raises:
        FencedOut: A newer claim owns the job.
    """
    with db.write() as session:
        lock_claimed_job(session, claim)
        session.merge(JobLossHistory(job_id=claim.job_id, points=list(points)))


def read_loss_history(db: Database, job_id: str) -> list[LossPoint]:
    """Read the losses of a job; empty if none are stored."""
    with db.read() as session:
        row = session.get(JobLossHistory, job_id)
        return [] if row is None else list(row.points)
