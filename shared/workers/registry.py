"""Registry of worker processes: register, heartbeat, deregister, list, drain."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from shared.db.models.jobs import Job, bump_versions
from shared.db.models.workers import Worker
from shared.errors import DeviceTaken, SqliteSharedByHosts
from shared.workers.process_identity import has_exited

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from shared.db.database import Database

WORKER_ALIVE_SECONDS = 30  # after its last heartbeat
STALE_SECONDS = 12.0  # two heartbeats are missing


@dataclass(frozen=True, slots=True)
class Registration:
    """Registration of a worker process and its device."""

    worker_id: str
    host: str
    device_uuid: str
    device_class: str
    device_name: str
    device_bytes: int
    versions: dict[str, str]
    process: str = ""  # see shared.workers.process_identity; empty if unknown
    setup: str = ""  # setup on which its pace depends, as in `paces`


class WorkerStatus(Enum):
    """Status of a worker in the registry."""

    UNREGISTERED = "unregistered"
    ACTIVE = "active"
    DRAINING = "draining"  # shall return its job to the queue and take no more


def is_alive(db: Database) -> ColumnElement[bool]:
    """SQL condition: the last heartbeat of a `Worker` is less than 30 seconds old."""
    dead_at = Worker.last_seen + WORKER_ALIVE_SECONDS
    return ~db.is_over(dead_at, WORKER_ALIVE_SECONDS)


def register_worker(db: Database, registration: Registration) -> None:
    """Register a worker; the call may be repeated.

    The row of a dead worker of the same device is replaced; its request to drain is
    kept.

    Raises:
        SqliteSharedByHosts: On SQLite, workers of another host are registered.
        DeviceTaken: Another live worker of this host has the device.
    """
    columns = asdict(registration)
    columns["id"] = columns.pop("worker_id")
    try:
        with db.write() as session:
            if db.serves_one_host:
                _require_same_host(db, session, registration.host)
            draining = _free_device(db, session, registration)
            session.merge(
                Worker(
                    draining=draining, started_at=db.now, last_seen=db.now, **columns
                )
            )
            bump_versions(session, Job.worker_id == registration.worker_id)
    except IntegrityError:  # another worker has registered at the same time
        raise DeviceTaken(registration.device_uuid, "unknown", 0.0) from None


def heartbeat_worker(
    db: Database, worker_id: str, job_id: str | None, pace: float | None = None
) -> WorkerStatus:
    """Store a heartbeat of a worker, and read its status.

    Args:
        db: The database.
        worker_id: Id of the worker.
        job_id: Id of its current job.
        pace: Pace of that job, in seconds per megapixel-iteration; None if unknown.
    """
    values: dict[str, Any] = {"last_seen": db.now, "job_id": job_id}
    if pace is not None:
        values["seconds_per_mpx_iteration"] = pace
    with db.write() as session:
        draining = session.execute(
            update(Worker)
            .where(Worker.id == worker_id)
            .values(**values)
            .returning(Worker.draining)
        ).scalar_one_or_none()
    if draining is None:
        return WorkerStatus.UNREGISTERED
    return WorkerStatus.DRAINING if draining else WorkerStatus.ACTIVE


def deregister_worker(db: Database, worker_id: str) -> None:
    """Delete the registration of a worker that exits normally."""
    with db.write() as session:
        session.execute(delete(Worker).where(Worker.id == worker_id))
        bump_versions(session, Job.worker_id == worker_id)  # jobs show no name now


def _require_same_host(db: Database, session: Session, host: str) -> None:
    other = session.scalar(
        select(Worker.host).where(is_alive(db), Worker.host != host).limit(1)
    )
    if other is not None:
        raise SqliteSharedByHosts(
            f"workers of {other!r} use this SQLite database already"
        )


def _free_device(db: Database, session: Session, registration: Registration) -> bool:
    """Delete the registration of a dead worker of the same device.

    Returns:
        True if that worker had a request to drain.

    Raises:
        DeviceTaken: The worker is alive.
    """
    same_device = (
        Worker.host == registration.host,
        Worker.device_uuid == registration.device_uuid,
    )
    existing = session.scalar(select(Worker).where(*same_device).with_for_update())
    if existing is None or existing.id == registration.worker_id:
        return existing is not None and existing.draining
    is_fresh = session.scalar(select(is_alive(db)).where(*same_device))
    if is_fresh and not has_exited(existing.process):
        raise DeviceTaken(existing.device_uuid, existing.id, existing.last_seen)
    session.delete(existing)
    session.flush()
    bump_versions(session, Job.worker_id == existing.id)
    return existing.draining


@dataclass(frozen=True, slots=True)
class WorkerEntry:
    """Worker in the list of the operator."""

    id: str
    host: str
    device: str  # its uuid
    state: str  # alive, stale, dead, draining
    job_id: str | None
    heartbeat_age_seconds: float


def list_workers(db: Database) -> list[WorkerEntry]:
    """List the workers with a heartbeat in the last day, by host and device."""
    # A heartbeat in the future is from before a clock change, so its age is absolute.
    statement = select(Worker, func.abs(db.now - Worker.last_seen))
    with db.read() as session:
        rows = session.execute(statement.order_by(Worker.host, Worker.device_uuid))
        return [
            WorkerEntry(
                worker.id,
                worker.host,
                worker.device_uuid,
                _worker_state(age, draining=worker.draining),
                worker.job_id,
                age,
            )
            for worker, age in rows
        ]


def set_worker_draining(db: Database, worker_id: str, *, draining: bool) -> list[str]:
    """Request a worker to return its job and take no more, or to take jobs again.

    Returns:
        Ids of the workers, which react within seconds.
    """
    return _set_draining(db, Worker.id == worker_id, draining=draining)


def set_host_draining(db: Database, host: str, *, draining: bool) -> list[str]:
    """Request the same from all workers of a host."""
    return _set_draining(db, Worker.host == host, draining=draining)


def _set_draining(
    db: Database, condition: ColumnElement[bool], *, draining: bool
) -> list[str]:
    with db.write() as session:
        ids = session.scalars(
            update(Worker)
            .where(condition)
            .values(draining=draining)
            .returning(Worker.id)
        ).all()
    return sorted(ids)


def _worker_state(heartbeat_age_seconds: float, *, draining: bool) -> str:
    if heartbeat_age_seconds >= WORKER_ALIVE_SECONDS:
        return "dead"
    if heartbeat_age_seconds > STALE_SECONDS:
        return "stale"
    return "draining" if draining else "alive"
