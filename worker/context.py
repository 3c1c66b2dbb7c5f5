"""Resources of a worker process, opened once and passed to every attempt."""

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
    """Database, storage, networks and device of one worker process.

    Attributes:
        worker_id: Id of the worker in the table of registered workers.
        draining: Event that is set when the worker must return its job.
        clock: Clock for all waits in the process.
    """

    db: Database
    storage: Storage
    networks: NetworkCache
    device: DeviceInfo
    settings: Settings
    worker_id: str
    draining: threading.Event
    clock: Clock = SYSTEM_CLOCK
