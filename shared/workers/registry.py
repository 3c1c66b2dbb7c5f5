"""The roll of workers: who is there, on which device, seen when.

What the operator sees of the workers, and tells them: to drain, or to go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from shared.db.models.workers import Worker
from shared.errors import DatabaseShared, DeviceTaken
from shared.workers.process_identity import is_gone

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from shared.db.database import Database

WORKER_ALIVE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Registration:
    """A worker process as it introduces itself."""

    worker_id: str
    host: str
    device_uuid: str
    device_class: str
    device_name: str
    device_bytes: int
    versions: dict[str, str]
    process: str = ""  # shared.workers.process_identity; empty where that is not known
    setup: str = ""  # what its pace depends on, in words; of `paces`


class WorkerStatus(Enum):
    """What the roll says of a worker."""

    UNKNOWN = "unknown"  # it is not on the roll
    ON_DUTY = "on duty"
    DRAINING = "draining"  # it shall hand its job back and take no more


def register_worker(db: Database, presence: Registration) -> None:
    """Enter a worker on the roll; entering again is harmless.

    The row of a worker that died is taken over, and with it an order to drain.

    Raises:
        DatabaseShared: On SQLite, workers of another host are on the roll.
        DeviceTaken: Another live worker of this host has the device.
    """
    try:
        with db.write() as session:
            if db.serves_one_host:
                _require_same_host(db, session, presence.host)
            draining = _take_over(db, session, presence)
            session.merge(
                Worker(
                    id=presence.worker_id,
                    host=presence.host,
                    device_uuid=presence.device_uuid,
                    device_class=presence.device_class,
                    device_name=presence.device_name,
                    device_bytes=presence.device_bytes,
                    versions=presence.versions,
                    process=presence.process,
                    setup=presence.setup,
                    draining=draining,
                    started_at=db.now,
                    last_seen=db.now,
                )
            )
    except IntegrityError:  # of two that came at the same time, the other was first
        raise DeviceTaken(presence.device_uuid, "unknown", 0.0) from None


def heartbeat_worker(
    db: Database, worker_id: str, job_id: str | None, pace: float | None = None
) -> WorkerStatus:
    """Say that a worker is there and what it does; hear what is wanted of it.

    Args:
        db: The database.
        worker_id: Who.
        job_id: The job at hand.
        pace: Seconds per megapixel and iteration of that job, once it is known.
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
        return WorkerStatus.UNKNOWN
    return WorkerStatus.DRAINING if draining else WorkerStatus.ON_DUTY


def deregister_worker(db: Database, worker_id: str) -> None:
    """Take a worker that ends in good order off the roll."""
    with db.write() as session:
        session.execute(delete(Worker).where(Worker.id == worker_id))


def _require_same_host(db: Database, session: Session, host: str) -> None:
    alive = Worker.last_seen > db.now - WORKER_ALIVE_SECONDS
    other = session.scalar(
        select(Worker.host).where(alive, Worker.host != host).limit(1)
    )
    if other is not None:
        raise DatabaseShared(f"workers of {other!r} use this SQLite database already")


def _take_over(db: Database, session: Session, presence: Registration) -> bool:
    """Free the device's place on the roll if its worker is dead.

    Returns:
        Whether the worker that was there last had been told to drain.
    """
    here = (
        Worker.host == presence.host,
        Worker.device_uuid == presence.device_uuid,
    )
    before = session.scalar(select(Worker).where(*here).with_for_update())
    if before is None or before.id == presence.worker_id:
        return before is not None and before.draining
    now = session.scalar(select(db.now)) or 0.0
    is_fresh = before.last_seen > now - WORKER_ALIVE_SECONDS
    if is_fresh and not is_gone(before.process):
        raise DeviceTaken(before.device_uuid, before.id, before.last_seen)
    session.delete(before)
    session.flush()
    return before.draining


STALE_SECONDS = 12.0  # two signs of life are missing


@dataclass(frozen=True, slots=True)
class RollEntry:
    """A worker as the operator sees it."""

    id: str
    host: str
    device: str  # its uuid
    state: str  # alive, stale, dead, draining
    job_id: str | None
    unseen_seconds: float


def roll(db: Database) -> list[RollEntry]:
    """List every worker of the last day, by host and device."""
    ordered = select(Worker, (db.now - Worker.last_seen).label("unseen"))
    with db.read() as session:
        rows = session.execute(ordered.order_by(Worker.host, Worker.device_uuid))
        return [_entry(worker, unseen) for worker, unseen in rows]


def drain_worker(db: Database, worker_id: str, *, draining: bool) -> list[str]:
    """Have one worker hand its job back and take no more; or take some again.

    Returns:
        Ids of the workers that were told so; they notice within seconds.
    """
    return _tell(db, Worker.id == worker_id, draining=draining)


def drain_host(db: Database, host: str, *, draining: bool) -> list[str]:
    """Tell every worker of a host the same."""
    return _tell(db, Worker.host == host, draining=draining)


def _tell(db: Database, whom: ColumnElement[bool], *, draining: bool) -> list[str]:
    with db.write() as session:
        told = session.scalars(
            update(Worker).where(whom).values(draining=draining).returning(Worker.id)
        ).all()
    return sorted(told)


def _entry(worker: Worker, unseen_seconds: float) -> RollEntry:
    return RollEntry(
        id=worker.id,
        host=worker.host,
        device=worker.device_uuid,
        state=_state(unseen_seconds, draining=worker.draining),
        job_id=worker.job_id,
        unseen_seconds=max(0.0, unseen_seconds),
    )


def _state(unseen_seconds: float, *, draining: bool) -> str:
    if unseen_seconds >= WORKER_ALIVE_SECONDS:
        return "dead"
    if unseen_seconds > STALE_SECONDS:
        return "stale"
    return "draining" if draining else "alive"
