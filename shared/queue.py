"""The doorbell: tells a worker that some job may be waiting. Losing it is harmless.

A ring is a Celery message in a Redis list, one list per device class and one for jobs
that any device may run.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import redis
import structlog
from celery import Celery
from kombu.exceptions import OperationalError
from redis.backoff import NoBackoff
from redis.retry import Retry

if TYPE_CHECKING:
    from shared.settings import Settings

log = structlog.get_logger(__name__)

TASK = "impasto.look"
ANY_DEVICE = "any"
RING_SECONDS = 0.5  # for all of it: our turn, the connection, the answer
_KEY_PREFIX = "impasto:"


def queue_name(device_class: str | None) -> str:
    """Name the list that workers of a device class listen to."""
    return f"impasto.{device_class or ANY_DEVICE}"


def broker_url(redis_url: str) -> str:
    """Write a Redis URL as Celery wants it; they differ for Unix sockets."""
    if not redis_url.startswith("unix://"):
        return redis_url
    path, _, query = redis_url.removeprefix("unix://").partition("?")
    number = query.removeprefix("db=") or "0"
    return f"redis+socket://{path}?virtual_host={number}"


def open_queue(settings: Settings) -> Celery:
    """Build the Celery app that rings and workers share.

    The options are those that were measured to lose and double the least; what they
    still lose, the job row and the reconciler make good: docs/adr/0001.
    """
    queue = Celery("impasto", broker=broker_url(settings.redis_url))
    queue.conf.update(
        task_acks_late=False,
        task_ignore_result=True,
        task_publish_retry=False,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": 3600,
            "socket_timeout": 5,
            "socket_connect_timeout": 2,
            "socket_keepalive": True,
            "health_check_interval": 5,
            "global_keyprefix": _KEY_PREFIX,
        },
    )
    return queue


class Doorbell:
    """Rings for jobs, never longer than half a second, and never fails.

    Redis may be down, frozen or unreachable: the job is in the database, and the
    reconciler rings again.
    """

    def __init__(self, settings: Settings) -> None:
        self._queue = open_queue(settings)
        self._queue.conf.broker_transport_options |= {
            "socket_timeout": 0.4 * RING_SECONDS,
            "socket_connect_timeout": 0.2 * RING_SECONDS,
            "max_retries": 0,
        }
        self._redis = redis.Redis.from_url(
            settings.redis_url,
            socket_timeout=0.4 * RING_SECONDS,
            socket_connect_timeout=0.2 * RING_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._ringing = threading.Lock()

    def ring(self, job_id: str, device_class: str | None) -> bool:
        """Ring once; False says that Redis did not take it."""
        if not self._ringing.acquire(timeout=0.4 * RING_SECONDS):
            return False
        try:
            return self._send(job_id, queue_name(device_class))
        finally:
            self._ringing.release()

    def pending(self, device_class: str | None) -> int | None:
        """Rings that no worker has heard yet; None if Redis does not say."""
        try:
            key = f"{_KEY_PREFIX}{queue_name(device_class)}"
            return self._redis.llen(key)
        except redis.RedisError:
            return None

    def ping(self) -> bool:
        """Whether Redis answers now."""
        try:
            return bool(self._redis.ping())
        except redis.RedisError:
            return False

    def close(self) -> None:
        """Close the connections."""
        self._queue.close()
        self._redis.close()

    def _send(self, job_id: str, queue: str) -> bool:
        try:
            self._queue.send_task(TASK, args=[job_id], queue=queue, retry=False)
        except (OperationalError, redis.RedisError, OSError) as error:
            log.warning("notification_failed", job_id=job_id, error=str(error))
            return False
        return True
