"""The roll of workers: who is there, on which device, seen when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from shared.errors import DatabaseShared
from shared.models import Worker

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from shared.db import Database

WORKER_ALIVE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Presence:
    """A worker process as it introduces itself."""

    worker_id: str
    host: str
    device_uuid: str
    device_class: str
    device_name: str
    device_bytes: int
    versions: dict[str, str]


def arrive(db: Database, presence: Presence) -> None:
    """Enter a worker on the roll; entering again is harmless.

    Raises:
        DatabaseShared: On SQLite, workers of another host are on the roll.
    """
    with db.write() as session:
        if db.serves_one_host:
            _require_same_host(db, session, presence.host)
        session.merge(
            Worker(
                id=presence.worker_id,
                host=presence.host,
                device_uuid=presence.device_uuid,
                device_class=presence.device_class,
                device_name=presence.device_name,
                device_bytes=presence.device_bytes,
                versions=presence.versions,
                draining=False,
                started_at=db.now,
                last_seen=db.now,
            )
        )


def seen(db: Database, worker_id: str, job_id: str | None) -> bool:
    """Say that a worker is there, and what it does; False: it is not on the roll."""
    with db.write() as session:
        found = session.execute(
            update(Worker)
            .where(Worker.id == worker_id)
            .values(last_seen=db.now, job_id=job_id)
            .returning(Worker.id)
        ).one_or_none()
    return found is not None


def leave(db: Database, worker_id: str) -> None:
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
