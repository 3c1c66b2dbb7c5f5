"""Whether a worker should be busy, asked by its watchdog in the claim's own words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from shared.jobs.claiming import fits, may_run
from shared.models import Job, Owner

if TYPE_CHECKING:
    from shared.db import Database
    from shared.jobs.claiming import Device


def is_due(db: Database, device: Device) -> bool:
    """Whether there is a job that this device could claim now."""
    due = (
        select(Job.id)
        .join(Owner, Owner.id == Job.owner_id)
        .where(may_run(), fits(device))
        .limit(1)
    )
    with db.read() as session:
        return session.scalar(due) is not None
