"""The worker process: wires one device to the queue, and obeys SIGTERM.

Celery brings the rings and the signal handling; it knows nothing of jobs. A ring says
"look again", so the task takes the best due job, not necessarily the one rung for.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading
from typing import TYPE_CHECKING, Final

import structlog
from celery import signals

from shared import jobs
from shared.db import Database
from shared.errors import (
    DatabaseShared,
    DatabaseUnavailable,
    ImpastoError,
    StorageError,
    WeightsError,
)
from shared.jobs.submitting import new_id
from shared.logs import configure
from shared.queue import TASK, Doorbell, open_queue, queue_name
from shared.settings import Settings, settings_or_exit
from shared.storage import open_storage
from worker.computing import prepare
from worker.device import this_device, use_threads, versions
from worker.networks import Networks
from worker.runner import Runner
from worker.tools import Tools

if TYPE_CHECKING:
    from celery import Celery

log = structlog.get_logger(__name__)

EXIT_UNUSABLE = 78  # EX_CONFIG: starting again would not help
_ATTENDANCE_SECONDS = 5.0  # a worker counts as alive for 30 s
DEFAULT_NETWORK: Final = "vgg16"


def main() -> int:
    """Serve until SIGTERM; return 78 when this machine is not ready to work."""
    parser = argparse.ArgumentParser(prog="worker", description=__doc__)
    parser.add_argument("--device", choices=["cpu", "cuda", "mps"], default="cpu")
    parser.add_argument("--memory-share", type=int, default=1, help="1/N is ours")
    arguments = parser.parse_args()
    settings = settings_or_exit()
    configure(settings.log_level)
    try:
        tools = open_tools(settings, arguments.device, arguments.memory_share)
        arrive(tools)
    except (WeightsError, StorageError, DatabaseShared, RuntimeError) as error:
        hint = getattr(error, "hint", "")
        log.error("worker_unusable", error=str(error), hint=hint)  # noqa: TRY400 - told to a person
        return EXIT_UNUSABLE
    serve(tools)
    return 0


def open_tools(settings: Settings, device_class: str, memory_share: int) -> Tools:
    """Open everything an attempt needs, and prove that the weights are whole.

    Raises:
        WeightsError: They are missing or damaged.
        StorageError: The storage URL is of no known kind.
        DatabaseShared: SQLite cannot serve this host.
        RuntimeError: There is no such device, or it cannot compute as asked for.
    """
    device = this_device(device_class, memory_share)
    prepare(settings, device_class)
    use_threads(settings.worker_threads)
    networks = Networks(settings, device.torch_device)
    networks.get(DEFAULT_NETWORK)
    return Tools(
        db=Database(settings.database_url),
        storage=open_storage(settings.storage_url),
        networks=networks,
        device=device,
        settings=settings,
        worker_id=new_id("wkr"),
        draining=threading.Event(),
    )


def serve(tools: Tools) -> None:
    """Take rings until the process is asked to end."""
    queue = open_queue(tools.settings)
    runner = Runner(tools)

    @queue.task(name=TASK)  # type: ignore[untyped-decorator] # Celery has no types
    def look(job_id: str) -> None:
        """Do the best due job; `job_id` is only the one that was rung for."""
        log.debug("ring_heard", job_id=job_id)
        runner.run_one()

    doorbell = Doorbell(tools.settings)
    reconciler = jobs.Reconciler(tools.db, doorbell, tools.storage, tools.settings)
    attendance = threading.Thread(
        target=_attend, args=(tools, runner), name="attendance", daemon=True
    )

    def on_shutting_down(**_: object) -> None:
        tools.draining.set()

    signals.worker_shutting_down.connect(on_shutting_down, weak=False)
    signals.setup_logging.connect(_keep_our_logging, weak=False)
    attendance.start()
    reconciler.start()
    try:
        _run_celery(queue, tools.device.device_class)
    finally:
        tools.draining.set()
        reconciler.stop()
        doorbell.close()
        _leave(tools)


def _run_celery(queue: Celery, device_class: str) -> None:
    node = f"{device_class}-{os.getpid()}@{socket.gethostname()}"
    lists = f"{queue_name(None)},{queue_name(device_class)}"
    options = ["--pool=threads", "--concurrency=1", f"--queues={lists}"]
    quiet = ["--without-gossip", "--without-mingle", f"--hostname={node}"]
    queue.worker_main(["--quiet", "worker", *options, *quiet])


def _keep_our_logging(**_: object) -> None:
    """Stop Celery from setting levels of its own, by listening to this signal."""


def arrive(tools: Tools) -> None:
    """Enter this worker on the roll; later will do if the database is away.

    Raises:
        DatabaseShared: SQLite cannot serve this host.
    """
    device = tools.device
    presence = jobs.Presence(
        worker_id=tools.worker_id,
        host=socket.gethostname(),
        device_uuid=device.uuid,
        device_class=device.device_class,
        device_name=device.name,
        device_bytes=device.bytes,
        versions=versions(),
    )
    try:
        jobs.arrive(tools.db, presence)
    except DatabaseUnavailable as error:
        log.warning("arrival_delayed", error=str(error))


def _attend(tools: Tools, runner: Runner) -> None:
    """Stay on the roll of workers, whatever the database does."""
    while not tools.draining.is_set():
        try:
            if not jobs.seen(tools.db, tools.worker_id, runner.job_id):
                arrive(tools)
        except ImpastoError as error:
            log.warning("attendance_missed", error=str(error))
        except Exception:
            # A worker that is not on the roll counts as dead: keep trying.
            log.exception("attendance_missed")
        tools.draining.wait(_ATTENDANCE_SECONDS)


def _leave(tools: Tools) -> None:
    try:
        jobs.leave(tools.db, tools.worker_id)
    except DatabaseUnavailable as error:
        log.warning("leaving_unnoticed", error=str(error))
    tools.db.close()


if __name__ == "__main__":
    sys.exit(main())
