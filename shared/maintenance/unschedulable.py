"""Jobs that no worker can take: too large for every device, or excluded from the last.

A device counts as known for a day after its worker was seen; before the first worker
of a class has been there, nothing is too large for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import or_, select, update

from shared.db.models.jobs import Job
from shared.db.models.workers import Worker
from shared.jobs.lease import smaller_columns
from shared.jobs.transitions import transition
from shared.params.kinds import JobKind
from shared.params.memory import largest_edge, shrunk
from shared.params.style import StyleParams
from shared.states import EVENTS, Event, JobState
from shared.workers.registry import WORKER_ALIVE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from shared.db.database import Database

BATCH = 50
_GIB = 2**30


def settle_misfits(db: Database, patience_seconds: float) -> list[str]:
    """Fail queued jobs that no known device can ever hold, or make them smaller.

    Args:
        db: The database.
        patience_seconds: How long a job waits for a larger device to come.

    Returns:
        Ids of the jobs.
    """
    with db.read() as session:
        devices = session.execute(
            select(Worker.device_class, Worker.device_bytes)
        ).all()
        room: dict[str | None, int] = {}
        for device_class, device_bytes in devices:
            for kind in (device_class, None):
                room[kind] = max(room.get(kind, 0), device_bytes)
        late = Job.run_after < db.now - patience_seconds
        ids = session.scalars(
            select(Job.id).where(_waits(), late, _too_large(room)).limit(BATCH)
        ).all()
    for job_id in ids:
        with db.write() as session:
            _settle(db, session, job_id, room)
    return list(ids)


def readmit(db: Database) -> list[str]:
    """Let jobs back to the device that failed them where no other could take them.

    Returns:
        Ids of the jobs.
    """
    excluded = (_waits(), Job.excluded_device.is_not(None))
    with db.read() as session:
        jobs = session.scalars(select(Job).where(*excluded).limit(BATCH)).all()
        if not jobs:
            return []
        seen = Worker.last_seen > db.now - WORKER_ALIVE_SECONDS
        on_duty = session.scalars(
            select(Worker).where(seen, Worker.draining.is_(False))
        ).all()
    stuck = [job.id for job in jobs if not _has_other(job, on_duty)]
    with db.write() as session:
        session.execute(
            update(Job)
            .where(Job.id.in_(stuck), *excluded)
            .values(excluded_device=None)
            .execution_options(synchronize_session=False)
        )
    return stuck


def _waits() -> ColumnElement[bool]:
    return (Job.state == JobState.QUEUED) & Job.ready_key.is_not(None)


def _too_large(room: dict[str | None, int]) -> ColumnElement[bool]:
    """SQL: whether a job needs more than the largest known device of its class."""
    return or_(
        *(
            Job.device_class.is_not_distinct_from(kind) & (Job.need_bytes > size)
            for kind, size in room.items()
        ),
        Job.id.is_(None),  # never: where no device is known, nothing is too large
    )


def _settle(
    db: Database, session: Session, job_id: str, room: dict[str | None, int]
) -> None:
    job = session.scalar(
        select(Job).where(Job.id == job_id, _waits()).with_for_update()
    )
    if job is None:
        return
    device_bytes = room[job.device_class]
    params = (
        StyleParams.model_validate(job.params) if job.kind == JobKind.STYLE else None
    )
    edge = None if params is None else largest_edge(params, device_bytes)
    if params is not None and edge is not None and params.allow_smaller:
        columns = smaller_columns(session, job, shrunk(params, edge))
        session.execute(update(Job).where(Job.id == job.id).values(**columns))
        return
    advice = "use a device with more memory"
    if edge is not None:
        advice = f"max_edge {edge} fits; or set allow_smaller to have it chosen"
    transition(
        db,
        session,
        job,
        Event.MISFIT,
        EVENTS[Event.MISFIT][job.state],
        error_code="does_not_fit",
        error_message=f"it needs {job.need_bytes / _GIB:.1f} GiB of memory, the "
        f"largest device that may run it has {device_bytes / _GIB:.1f} GiB",
        error_hint=advice,
        error_retryable=False,
    )


def _has_other(job: Job, workers: Sequence[Worker]) -> bool:
    return any(
        worker.device_uuid != job.excluded_device
        and job.need_bytes <= worker.device_bytes
        and job.device_class in {None, worker.device_class}
        for worker in workers
    )
