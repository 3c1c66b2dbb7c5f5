"""Unschedulable jobs: too large for all devices, or excluded from the only device.

A device counts as registered for a day after the last heartbeat of its worker. Before
the first worker of a device class registers, no job is too large for the class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import or_, select, update

from shared.db.models.jobs import Job
from shared.db.models.workers import Worker
from shared.errors import DoesNotFit
from shared.jobs.lease import failure_columns
from shared.jobs.steering import smaller_params_columns
from shared.jobs.transitions import transition
from shared.params.kinds import JobKind
from shared.params.memory import largest_fitting_edge, shrink_to_edge
from shared.params.style import StyleParams
from shared.states import EVENTS, Event, JobState
from shared.workers.registry import is_alive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from shared.db.database import Database

BATCH_SIZE = 50
_GIB = 2**30


def fail_unschedulable_jobs(db: Database, patience_seconds: float) -> list[str]:
    """Fail queued jobs that are too large for all registered devices, or shrink them.

    Args:
        db: The database.
        patience_seconds: Time, in seconds, that a job waits for a larger device to
            register.

    Returns:
        Ids of the jobs.
    """
    with db.read() as session:
        devices = session.execute(
            select(Worker.device_class, Worker.device_bytes)
        ).all()
        largest_bytes: dict[str | None, int] = {}
        for device_class, device_bytes in devices:
            for kind in (device_class, None):
                largest_bytes[kind] = max(largest_bytes.get(kind, 0), device_bytes)
        overdue = Job.run_after < db.now - patience_seconds
        ids = session.scalars(
            select(Job.id)
            .where(_is_waiting(), overdue, _too_large(largest_bytes))
            .limit(BATCH_SIZE)
        ).all()
    for job_id in ids:
        with db.write() as session:
            _fail_or_shrink(db, session, job_id, largest_bytes)
    return list(ids)


def clear_device_exclusions(db: Database) -> list[str]:
    """Allow waiting jobs on the device on which they failed, if no other device fits.

    Returns:
        Ids of the jobs.
    """
    excluded = (_is_waiting(), Job.excluded_device.is_not(None))
    with db.read() as session:
        jobs = session.scalars(select(Job).where(*excluded).limit(BATCH_SIZE)).all()
        if not jobs:
            return []
        active_workers = session.scalars(
            select(Worker).where(is_alive(db), Worker.draining.is_(False))
        ).all()
    job_ids = [job.id for job in jobs if not _has_other_device(job, active_workers)]
    with db.write() as session:
        session.execute(
            update(Job)
            .where(Job.id.in_(job_ids), *excluded)
            .values(excluded_device=None)
            .execution_options(synchronize_session=False)
        )
    return job_ids


def _is_waiting() -> ColumnElement[bool]:
    return (Job.state == JobState.QUEUED) & Job.ready_key.is_not(None)


def _too_large(largest_bytes: dict[str | None, int]) -> ColumnElement[bool]:
    """SQL condition: a job needs more memory than the largest device of its class."""
    return or_(
        *(
            Job.device_class.is_not_distinct_from(kind) & (Job.need_bytes > size)
            for kind, size in largest_bytes.items()
        ),
        Job.id.is_(None),  # false, since without devices no job is too large
    )


def _fail_or_shrink(
    db: Database, session: Session, job_id: str, largest_bytes: dict[str | None, int]
) -> None:
    job = session.scalar(
        select(Job).where(Job.id == job_id, _is_waiting()).with_for_update()
    )
    if job is None:
        return
    device_bytes = largest_bytes[job.device_class]
    params = (
        StyleParams.model_validate(job.params) if job.kind == JobKind.STYLE else None
    )
    edge = None if params is None else largest_fitting_edge(params, device_bytes)
    if params is not None and edge is not None and params.allow_smaller:
        columns = smaller_params_columns(session, job, shrink_to_edge(params, edge))
        session.execute(update(Job).where(Job.id == job.id).values(**columns))
        return
    hint = ""
    if edge is not None:
        hint = f"max_edge {edge} fits; or set allow_smaller to have it chosen"
    failure = DoesNotFit(
        f"it needs {job.need_bytes / _GIB:.1f} GiB of memory, the largest device that "
        f"may run it has {device_bytes / _GIB:.1f} GiB",
        hint=hint,
    )
    transition(
        db,
        session,
        job,
        Event.UNSCHEDULABLE,
        EVENTS[Event.UNSCHEDULABLE][job.state],
        **failure_columns(failure),
    )


def _has_other_device(job: Job, workers: Sequence[Worker]) -> bool:
    return any(
        worker.device_uuid != job.excluded_device
        and job.need_bytes <= worker.device_bytes
        and job.device_class in {None, worker.device_class}
        for worker in workers
    )
