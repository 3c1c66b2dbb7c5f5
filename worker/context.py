"""What a worker process has, opened once and handed to every attempt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading

    from shared.db.database import Database
    from shared.settings import Settings
    from shared.storage.base import Storage
    from worker.devices.device import DeviceInfo
    from worker.devices.networks import Networks


@dataclass(frozen=True, slots=True)
class Tools:
    """The database, the storage, the networks and the device of one worker process.

    Attributes:
        worker_id: Under which it is on the roll of workers.
        draining: Set once the process has been asked to end.
    """

    db: Database
    storage: Storage
    networks: Networks
    device: DeviceInfo
    settings: Settings
    worker_id: str
    draining: threading.Event
