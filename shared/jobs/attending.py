"""The roll of workers: who is there, on which device, seen when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, update

from shared.models import Worker

if TYPE_CHECKING:
    from shared.db import Database


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
    """Enter a worker on the roll; entering again is harmless."""
    with db.write() as session:
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
