"""A worker's place on the roll: taken, kept by being seen, lost, given up.

Whether this worker takes jobs: not while it drains, and not once it has to end.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING

import structlog

from shared.errors import DatabaseUnavailable, DeviceTaken, ImpastoError
from shared.workers.process_identity import this_process
from shared.workers.registry import (
    Registration,
    WorkerStatus,
    deregister_worker,
    heartbeat_worker,
    register_worker,
)
from worker.devices.device import setup_of, versions
from worker.health import beat

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.context import Tools
    from worker.runner import Runner

log = structlog.get_logger(__name__)

_ATTENDANCE_SECONDS = 5.0  # a worker counts as alive for 30 s
_LOOK_AGAIN_SECONDS = 1.0


def take_place(tools: Tools) -> None:
    """Enter this worker on the roll, once whoever was on its device is gone.

    A predecessor on another system of processes may be dead or alive: if it is not
    seen again, its place is ours as soon as its row is stale.

    Raises:
        DatabaseShared: SQLite cannot serve this host.
        DeviceTaken: Another live worker of this host has the device.
    """
    last_seen: float | None = None
    while True:
        try:
            arrive(tools)
        except DeviceTaken as error:
            if last_seen is not None and error.last_seen > last_seen:
                raise
            if last_seen is None:
                log.info("worker_registration_blocked", why=str(error))
            last_seen = error.last_seen
            time.sleep(_LOOK_AGAIN_SECONDS)
        except DatabaseUnavailable as error:
            log.warning(
                "worker_registration_delayed", error=str(error)
            )  # attendance will see to it
            return
        else:
            return


def arrive(tools: Tools) -> None:
    """Enter this worker on the roll.

    Raises:
        DatabaseShared: SQLite cannot serve this host.
        DeviceTaken: Another live worker of this host has the device.
        DatabaseUnavailable: Later will do.
    """
    device = tools.device
    presence = Registration(
        worker_id=tools.worker_id,
        host=socket.gethostname(),
        device_uuid=device.uuid,
        device_class=device.device_class,
        device_name=device.name,
        device_bytes=device.bytes,
        versions=versions(),
        process=this_process(),
        setup=setup_of(tools.settings, device),
    )
    register_worker(tools.db, presence)


def attend(tools: Tools, runner: Runner, duty: Duty) -> None:
    """Stay on the roll of workers, whatever the database does, and obey its orders."""
    while not duty.has_ended:
        beat(tools.settings.home)
        try:
            _be_seen(tools, runner, duty)
        except DeviceTaken as error:
            # We were silent for so long that another worker took our place.
            log.error("worker_registration_lost", error=str(error))  # noqa: TRY400 - told to a person
            duty.end()
            os.kill(os.getpid(), signal.SIGTERM)
        except ImpastoError as error:
            log.warning("registration_heartbeat_failed", error=str(error))
        except Exception:
            # A worker that is not on the roll counts as dead: keep trying.
            log.exception("registration_heartbeat_failed")
        duty.wait(_ATTENDANCE_SECONDS)


def _be_seen(tools: Tools, runner: Runner, duty: Duty) -> None:
    lease = runner.lease
    pace = None if lease is None else lease.pace
    standing = heartbeat_worker(tools.db, tools.worker_id, runner.job_id, pace)
    if standing is WorkerStatus.UNKNOWN:
        arrive(tools)
    else:
        duty.drain(wanted=standing is WorkerStatus.DRAINING)


def leave(tools: Tools) -> None:
    """Take this worker off the roll, if the database lets it."""
    try:
        deregister_worker(tools.db, tools.worker_id)
    except DatabaseUnavailable as error:
        log.warning("worker_deregistration_failed", error=str(error))


class Duty:
    """Who wants the worker to stop: the operator for a while, the process for good.

    Args:
        draining: Set while either of them does; attempts obey it.
        listen: Called with whether rings shall be heard, when the operator changes it:
            what a drained worker hears, no other does.
    """

    def __init__(
        self, draining: threading.Event, listen: Callable[[bool], None]
    ) -> None:
        self._draining, self._listen = draining, listen
        self._ended = threading.Event()
        self._turn = threading.RLock()  # a signal may come in mid-call

    @property
    def has_ended(self) -> bool:
        """Whether the process has to end."""
        return self._ended.is_set()

    def end(self) -> None:
        """Hand the job back and take no more, for good."""
        with self._turn:
            self._ended.set()
            self._draining.set()

    def drain(self, *, wanted: bool) -> None:
        """Do as the operator says, unless the end has come."""
        with self._turn:
            if self._ended.is_set() or wanted == self._draining.is_set():
                return
            if wanted:
                self._draining.set()
            else:
                self._draining.clear()
        log.info("drain_requested" if wanted else "drain_revoked")
        self._listen(not wanted)

    def wait(self, seconds: float) -> bool:
        """Pause at most so long; True: the end has come."""
        return self._ended.wait(seconds)
