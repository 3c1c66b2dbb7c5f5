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
import time
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog
from celery import signals
from kombu.exceptions import OperationalError
from redis import RedisError

from shared.db.database import Database
from shared.errors import DatabaseShared, DeviceTaken, StorageError, WeightsError
from shared.ids import new_id
from shared.logs import configure
from shared.maintenance.loop import MaintenanceLoop
from shared.queue import TASK, Doorbell, open_queue, queue_name
from shared.settings import Settings, settings_or_exit
from shared.storage.backends import open_storage
from worker.benchmark import warm_up
from worker.context import Tools
from worker.devices.determinism import prepare
from worker.devices.device import this_device, use_threads
from worker.devices.networks import Networks
from worker.registration import Duty, attend, leave, take_place
from worker.runner import Runner
from worker.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable

    from celery import Celery

    from worker.devices.device import DeviceInfo

log = structlog.get_logger(__name__)

EXIT_RESTART = 75  # EX_TEMPFAIL: start me again at once
EXIT_UNUSABLE = 78  # EX_CONFIG: starting again would not help
DEFAULT_NETWORK: Final = "vgg16"
_UNUSABLE = (WeightsError, StorageError, DatabaseShared, DeviceTaken, RuntimeError)


def main() -> int:
    """Serve until SIGTERM; return 78 when this machine is not ready to work."""
    parser = argparse.ArgumentParser(prog="worker", description=__doc__)
    parser.add_argument("--device", choices=["cpu", "cuda", "mps"], default="cpu")
    parser.add_argument("--memory-share", type=int, default=1, help="1/N is ours")
    parser.add_argument("--slot", type=int, default=0, help="which of the N, from 0")
    arguments = parser.parse_args()
    settings = settings_or_exit()
    configure(settings.log_level)
    try:
        device = this_device(arguments.device, arguments.memory_share, arguments.slot)
        tools = open_tools(settings, device)
        take_place(tools)
        warm_up(tools)
    except _UNUSABLE as error:
        hint = getattr(error, "hint", "")
        log.error("worker_unusable", error=str(error), hint=hint)  # noqa: TRY400 - told to a person
        return EXIT_UNUSABLE
    serve(tools)
    return 0


def open_tools(settings: Settings, device: DeviceInfo) -> Tools:
    """Open everything an attempt needs, and prove that the weights are whole.

    Raises:
        WeightsError: They are missing or damaged.
        StorageError: The storage URL is of no known kind.
        DatabaseShared: SQLite cannot serve this host.
        RuntimeError: It cannot compute as asked for.
    """
    prepare(settings, device.device_class)
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
    duty = Duty(tools.draining, partial(_listen, queue, tools.device.device_class))

    @queue.task(name=TASK)  # type: ignore[untyped-decorator] # Celery has no types
    def look(job_id: str) -> None:
        """Do all due jobs, the best first; `job_id` is only one that was rung for."""
        log.debug("notification_received", job_id=job_id)
        while runner.run_one():
            pass  # Celery hears the next ring up to two seconds after a task's end

    doorbell = Doorbell(tools.settings)
    reconciler = MaintenanceLoop(tools.db, doorbell, tools.storage, tools.settings)

    def on_shutting_down(**_: object) -> None:
        duty.end()

    signals.worker_shutting_down.connect(on_shutting_down, weak=False)
    signals.setup_logging.connect(_keep_our_logging, weak=False)
    _in_background("attendance", attend, tools, runner, duty)
    _in_background("watchdog", _watch, tools, Watchdog(tools, runner, doorbell.ping))
    reconciler.start()
    try:
        _run_celery(queue, tools.device.device_class)
    finally:
        duty.end()
        reconciler.stop()
        doorbell.close()
        leave(tools)
        tools.db.close()


def _in_background(name: str, work: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=work, args=arguments, name=name, daemon=True).start()


def _run_celery(queue: Celery, device_class: str) -> None:
    lists = ",".join(_lists(device_class))
    options = ["--pool=threads", "--concurrency=1", f"--queues={lists}"]
    node = f"--hostname={_node(device_class)}"
    quiet = ["--without-gossip", "--without-mingle", node]
    queue.worker_main(["--quiet", "worker", *options, *quiet])


def _listen(queue: Celery, device_class: str, wanted: bool) -> None:
    """Take rings, or leave them to others; if Redis does not hear, they ring again."""
    control, node = queue.control, [_node(device_class)]
    change = control.add_consumer if wanted else control.cancel_consumer
    try:
        for name in _lists(device_class):
            change(name, destination=node)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("notification_subscription_failed", error=str(error))


def _lists(device_class: str) -> tuple[str, ...]:
    return queue_name(None), queue_name(device_class)


def _node(device_class: str) -> str:
    return f"{device_class}-{os.getpid()}@{socket.gethostname()}"


def _keep_our_logging(**_: object) -> None:
    """Stop Celery from setting levels of its own, by listening to this signal."""


def _watch(tools: Tools, watchdog: Watchdog) -> None:
    while True:
        time.sleep(watchdog.look_seconds)
        try:
            why = watchdog.look()
        except Exception:
            # Without this thread a stuck worker stays stuck: it must outlive surprises.
            log.exception("watchdog_crashed")
            continue
        if why is not None:
            log.error("worker_replaced", why=why)
            leave(tools)
            os._exit(EXIT_RESTART)  # no orderly way out is left to this process


if __name__ == "__main__":
    sys.exit(main())
