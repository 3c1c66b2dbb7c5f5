"""What the operator sees of the workers, and tells them: to drain, or to go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from shared.jobs.attending import WORKER_ALIVE_SECONDS
from shared.models import Worker

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from shared.db import Database

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
