"""Registration of this worker: written at start, renewed, removed at the end.

`DrainState` says whether the worker takes jobs: not while the operator drains it, and
not once the process has to end.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from typing import TYPE_CHECKING

import structlog

from shared.clock import SYSTEM_CLOCK, Clock
from shared.errors import DatabaseUnavailable, DeviceTaken, ImpastoError
from shared.workers.process_identity import current_process_identity
from shared.workers.registry import (
    Registration,
    WorkerStatus,
    deregister_worker,
    heartbeat_worker,
    register_worker,
)
from worker.devices.device import describe_setup, software_versions
from worker.health import touch_heartbeat_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.context import WorkerContext
    from worker.runner import Runner

log = structlog.get_logger(__name__)

_HEARTBEAT_SECONDS = 5.0  # a worker counts as alive for 30 s
_RETRY_SECONDS = 1.0


def register_when_device_is_free(context: WorkerContext) -> None:
    """Register this worker, waiting until no other worker has its device.

    The process id of a previous worker in another container does not show whether it
    is alive. Unless it sends another heartbeat, this worker replaces it as soon as its
    row is stale.

    Raises:
        SqliteSharedByHosts: SQLite cannot serve this host.
        DeviceTaken: Another live worker of this host has the device.
    """
    last_seen: float | None = None
    while True:
        try:
            register(context)
        except DeviceTaken as error:
            if last_seen is not None and error.last_seen > last_seen:
                raise
            if last_seen is None:
                log.info("worker_registration_blocked", why=str(error))
            last_seen = error.last_seen
            context.clock.sleep(_RETRY_SECONDS)
        except DatabaseUnavailable as error:
            # The first heartbeat registers the worker instead.
            log.warning("worker_registration_delayed", error=str(error))
            return
        else:
            return


def register(context: WorkerContext) -> None:
    """Write this worker's row, with its device, its versions and its process.

    Raises:
        SqliteSharedByHosts: SQLite cannot serve this host.
        DeviceTaken: Another live worker of this host has the device.
        DatabaseUnavailable: The row was not written; a later call may succeed.
    """
    device = context.device
    registration = Registration(
        worker_id=context.worker_id,
        host=socket.gethostname(),
        device_uuid=device.uuid,
        device_class=device.device_class,
        device_name=device.name,
        device_bytes=device.bytes,
        versions=software_versions(),
        process=current_process_identity(),
        setup=describe_setup(context.settings, device),
    )
    register_worker(context.db, registration)


def keep_registered(
    context: WorkerContext, runner: Runner, drain_state: DrainState
) -> None:
    """Send heartbeats until shutdown, also during outages; obey requests to drain."""
    while not drain_state.is_shutting_down:
        touch_heartbeat_file(context.settings.home)
        try:
            _send_heartbeat(context, runner, drain_state)
        except DeviceTaken as error:
            # Heartbeats failed for so long that another worker replaced this one.
            log.error("worker_registration_lost", error=str(error))  # noqa: TRY400 - no traceback for the operator
            drain_state.shut_down()
            os.kill(os.getpid(), signal.SIGTERM)
        except ImpastoError as error:
            log.warning("registration_heartbeat_failed", error=str(error))
        except Exception:
            # Continue after any error: a worker without registration counts as dead.
            log.exception("registration_heartbeat_failed")
        drain_state.wait_for_shutdown(_HEARTBEAT_SECONDS)


def _send_heartbeat(
    context: WorkerContext, runner: Runner, drain_state: DrainState
) -> None:
    lease = runner.lease
    pace = None if lease is None else lease.pace
    status = heartbeat_worker(context.db, context.worker_id, runner.job_id, pace)
    if status is WorkerStatus.UNREGISTERED:
        register(context)
    else:
        drain_state.set_draining(draining=status is WorkerStatus.DRAINING)


def deregister(context: WorkerContext) -> None:
    """Remove this worker's row; log a failure of the database."""
    try:
        deregister_worker(context.db, context.worker_id)
    except DatabaseUnavailable as error:
        log.warning("worker_deregistration_failed", error=str(error))


class DrainState:
    """Drain state of the worker: drained by the operator, or shutting down.

    Args:
        draining: Event that is set in both cases; attempts obey it.
        set_subscribed: Function that starts (True) or stops (False) receiving
            notifications, called when the operator changes the state. A notification
            that a drained worker receives would reach no other worker.
        clock: Clock of `wait_for_shutdown`.
    """

    def __init__(
        self,
        draining: threading.Event,
        set_subscribed: Callable[[bool], None],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._draining, self._set_subscribed = draining, set_subscribed
        self._clock = clock
        self._shutdown = threading.Event()
        self._lock = threading.RLock()  # a signal handler may call it in mid-call

    @property
    def is_shutting_down(self) -> bool:
        """Whether the process is ending."""
        return self._shutdown.is_set()

    def shut_down(self) -> None:
        """Release the job and take no more jobs until the process ends."""
        with self._lock:
            self._shutdown.set()
            self._draining.set()

    def set_draining(self, *, draining: bool) -> None:
        """Start or stop draining as the operator says, unless the process is ending."""
        with self._lock:
            if self._shutdown.is_set() or draining == self._draining.is_set():
                return
            if draining:
                self._draining.set()
            else:
                self._draining.clear()
        log.info("drain_requested" if draining else "drain_revoked")
        self._set_subscribed(not draining)

    def wait_for_shutdown(self, seconds: float) -> bool:
        """Wait for at most `seconds`; return whether the process is ending."""
        return self._clock.wait(self._shutdown, seconds)
