"""The resources of a worker process, opened once and passed to every attempt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    import threading

    from shared.db.database import Database
    from shared.settings import Settings
    from shared.storage import Storage
    from worker.devices.device import DeviceInfo
    from worker.devices.networks import NetworkCache


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """The database, the storage, the networks and the device of one worker process.

    Attributes:
        worker_id: Id of the worker in the table of registered workers.
        draining: Set once the process has been asked to end.
        clock: Clock that everything in the process waits by.
    """

    db: Database
    storage: Storage
    networks: NetworkCache
    device: DeviceInfo
    settings: Settings
    worker_id: str
    draining: threading.Event
    clock: Clock = SYSTEM_CLOCK
