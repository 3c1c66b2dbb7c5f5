"""Worker process: runs the due jobs of one device until SIGTERM.

Celery delivers the notifications and handles signals; it does not manage jobs. A
notification says that some job may be waiting, so the task claims the best due job, not
necessarily the one that the notification names.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog
from celery import signals
from celery.utils import uuid
from celery.worker.consumer import Consumer
from kombu.entity import Exchange, Queue
from kombu.message import Message
from prometheus_client import start_http_server

from shared.db.base import new_id
from shared.db.database import Database
from shared.errors import (
    DeviceTaken,
    SqliteSharedByHosts,
    StorageError,
    WeightsError,
)
from shared.logs import configure_logging
from shared.maintenance.loop import MaintenanceLoop
from shared.queue import TASK_NAME, Notifier, create_celery_app, queue_name
from shared.settings import Settings, settings_or_exit
from shared.storage import open_storage
from worker.context import WorkerContext
from worker.devices.device import configure_torch, select_device, set_threads
from worker.devices.networks import NetworkCache
from worker.registration import (
    DrainState,
    deregister,
    keep_registered,
    register_when_device_is_free,
)
from worker.runner import Runner
from worker.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from celery import Celery

    from worker.devices.device import DeviceInfo

log = structlog.get_logger(__name__)

EXIT_RESTART = 75  # EX_TEMPFAIL: restart this worker at once
EXIT_UNUSABLE = 78  # EX_CONFIG: a restart would not help
DEFAULT_NETWORK: Final = "vgg16"
_UNUSABLE = (
    WeightsError,
    StorageError,
    SqliteSharedByHosts,
    DeviceTaken,
    RuntimeError,
)


def main() -> int:
    """Run jobs until SIGTERM; return 78 if this machine cannot run them."""
    parser = argparse.ArgumentParser(prog="worker", description=__doc__)
    parser.add_argument("--device", choices=["cpu", "cuda", "mps"], default="cpu")
    parser.add_argument("--memory-share", type=int, default=1, help="1/N is ours")
    parser.add_argument("--slot", type=int, default=0, help="which of the N, from 0")
    arguments = parser.parse_args()
    settings = settings_or_exit()
    configure_logging(settings.log_level)
    signal.signal(signal.SIGTERM, _exit_before_serving)  # until Celery sets a handler
    try:
        device = select_device(arguments.device, arguments.memory_share, arguments.slot)
        context = open_context(settings, device)
        register_when_device_is_free(context)
    except _UNUSABLE as error:
        hint = getattr(error, "hint", "")
        log.error("worker_unusable", error=str(error), hint=hint)  # noqa: TRY400 - no traceback for the operator
        return EXIT_UNUSABLE
    serve(context)
    return 0


def _exit_before_serving(*_: object) -> None:
    raise SystemExit(0)


def open_context(settings: Settings, device: DeviceInfo) -> WorkerContext:
    """Open everything that an attempt needs, and verify the default weights.

    Raises:
        WeightsError: The default weights are missing or damaged.
        StorageError: The storage URL has an unknown scheme.
        SqliteSharedByHosts: SQLite cannot serve this host.
        RuntimeError: This machine cannot compute as the settings say.
    """
    configure_torch(settings, device.device_class)
    set_threads(settings.worker_threads)
    networks = NetworkCache(settings, device.torch_device)
    networks.get(DEFAULT_NETWORK)
    return WorkerContext(
        db=Database(settings.database_url),
        storage=open_storage(settings.storage_url),
        networks=networks,
        device=device,
        settings=settings,
        worker_id=new_id("wkr"),
        draining=threading.Event(),
    )


def serve(context: WorkerContext) -> None:
    """Receive notifications and run due jobs until the process has to end."""
    runner, device_class = Runner(context), context.device.device_class

    def run_due_jobs() -> None:
        """Run all due jobs, the best first."""
        log.debug("notification_received")
        while runner.run_one():
            pass  # Celery reads the next message up to two seconds after a task ends

    celery = create_receiver(context.settings, device_class, run_due_jobs)
    subscription = _Subscription(_queue_names(device_class))
    drain_state = DrainState(context.draining, subscription.set, context.clock)
    notifier = Notifier(context.settings)
    maintenance = MaintenanceLoop(
        context.db, notifier, context.storage, context.settings, context.clock
    )

    def on_shutting_down(**_: object) -> None:
        drain_state.shut_down()

    signals.worker_shutting_down.connect(on_shutting_down, weak=False)
    signals.worker_ready.connect(subscription.open, weak=False)
    signals.setup_logging.connect(_keep_logging_configuration, weak=False)
    context.clock.start_thread(
        "registration", partial(keep_registered, context, runner, drain_state)
    )
    watchdog = Watchdog(context, runner, notifier.ping)
    context.clock.start_thread("watchdog", partial(_run_watchdog, context, watchdog))
    _serve_metrics(context.settings)
    maintenance.start()
    try:
        _run_celery(celery, device_class)
    finally:
        drain_state.shut_down()
        maintenance.stop()
        notifier.close()
        deregister(context)
        context.db.close()


class _NotificationConsumer(Consumer):  # type: ignore[misc] # Celery has no types
    """Celery consumer that takes each message only as a notification.

    Celery parses much of a message, and most errors in it end the process. So each
    message is replaced by a valid one. Bytes that are no message cost a new connection.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.connection_errors = (Exception,)  # reconnect after any error

    def create_task_handler(self) -> Callable[[Message], None]:
        """Return the function that Celery calls with each message of a queue."""
        handle = super().create_task_handler()

        def on_message(message: Message) -> None:
            notification = Message(  # type: ignore[no-untyped-call]
                body="[[], {}, {}]",
                content_type="application/json",
                content_encoding="utf-8",
                headers={"task": TASK_NAME, "id": uuid()},
                delivery_tag=message.delivery_tag,
                channel=message.channel,
            )
            handle(notification)

        return on_message


class _Subscription:
    """Subscription of this worker to its queues; changes wait until Celery is ready.

    Args:
        queues: Names of the queues.
    """

    def __init__(self, queues: tuple[str, ...]) -> None:
        self._queues, self._is_wanted = queues, True
        self._consumer: Consumer = None

    def open(self, sender: Consumer, **_: object) -> None:
        """Store Celery's consumer, which is ready now."""
        self._consumer = sender
        if not self._is_wanted:  # Celery has subscribed by itself
            sender.call_soon(self._apply)

    def set(self, subscribed: bool) -> None:
        """Start or stop reading the queues, in the consumer's own thread."""
        self._is_wanted = subscribed
        if self._consumer:
            self._consumer.call_soon(self._apply)

    def _apply(self) -> None:
        for name in self._queues:
            if self._is_wanted:
                self._consumer.add_task_queue(name)
            else:
                self._consumer.cancel_task_queue(name)


def create_receiver(
    settings: Settings, device_class: str, run_due_jobs: Callable[[], None]
) -> Celery:
    """Create the Celery app, which only calls `run_due_jobs` for each message.

    Celery's built-in tasks and all of its remote commands are removed. Reading a
    message acknowledges it, so that no message is delivered again; the maintenance
    sends notifications again.
    """
    celery = create_celery_app(settings)
    celery.conf.worker_consumer = _NotificationConsumer
    celery.conf.task_queues = [
        Queue(name, Exchange(name), name, no_ack=True)  # type: ignore[no-untyped-call]
        for name in _queue_names(device_class)
    ]
    celery.task(name=TASK_NAME)(run_due_jobs)
    for name in celery.tasks.keys() - {TASK_NAME}:
        celery.tasks.unregister(name)
    celery.conf.worker_enable_remote_control = False
    return celery


def _run_celery(celery: Celery, device_class: str) -> None:
    queues = ",".join(_queue_names(device_class))
    options = ["--pool=threads", "--concurrency=1", f"--queues={queues}"]
    node = f"--hostname={_node_name(device_class)}"
    quiet = ["--without-gossip", "--without-mingle", node]
    celery.worker_main(["--quiet", "worker", *options, *quiet])


def _queue_names(device_class: str) -> tuple[str, ...]:
    return queue_name(None), queue_name(device_class)


def _node_name(device_class: str) -> str:
    return f"{device_class}-{os.getpid()}@{socket.gethostname()}"


def _keep_logging_configuration(**_: object) -> None:
    """Do nothing: Celery configures logging unless this signal has a receiver."""


def _serve_metrics(settings: Settings) -> None:
    """Serve this process's metrics, if a port is set; log a failure."""
    if not settings.metrics_port:
        return
    try:
        start_http_server(settings.metrics_port, settings.host)
    except OSError as error:
        port = settings.metrics_port
        log.warning("metrics_not_served", port=port, error=str(error))


def _run_watchdog(context: WorkerContext, watchdog: Watchdog) -> None:
    while True:
        context.clock.sleep(watchdog.check_seconds)
        try:
            reason = watchdog.check()
        except Exception:
            # Only this thread ends a hung worker, so it must survive errors.
            log.exception("watchdog_crashed")
            continue
        if reason is not None:
            log.error("worker_replaced", why=reason)
            deregister(context)
            # This process may be unable to end in an orderly way.
            os._exit(EXIT_RESTART)


if __name__ == "__main__":
    sys.exit(main())
