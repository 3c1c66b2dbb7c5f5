"""Notifications through Redis that tell workers that a job may be waiting.

A notification is a Celery message in a Redis list: one list per device class, and one
for jobs that any device may run. A lost notification is harmless, since the job is in
the database. A worker ignores the content; the job's id is for people who read the
list.
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

TASK_NAME = "impasto.notify"
ANY_DEVICE = "any"
NOTIFY_TIMEOUT_SECONDS = 0.5  # for the lock, the connection and the message
_KEY_PREFIX = "impasto:"


def queue_name(device_class: str | None) -> str:
    """Return the name of the list that workers of a device class read."""
    return f"impasto.{device_class or ANY_DEVICE}"


def broker_url(redis_url: str) -> str:
    """Convert a Redis URL to Celery's form; they differ for Unix sockets."""
    if not redis_url.startswith("unix://"):
        return redis_url
    path, _, query = redis_url.removeprefix("unix://").partition("?")
    database = query.removeprefix("db=") or "0"
    return f"redis+socket://{path}?virtual_host={database}"


def create_celery_app(settings: Settings) -> Celery:
    """Create the Celery app that the notifier and the workers share.

    The options lost and doubled the fewest messages in measurements. The job row and
    the maintenance replace lost messages: see docs/adr/0001.
    """
    app = Celery("impasto", broker=broker_url(settings.redis_url))
    app.conf.update(
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
    return app


class Notifier:
    """Sender of notifications to workers; takes at most 0.5 s, and never raises.

    If Redis is down, frozen or unreachable, the job is still in the database, and the
    maintenance notifies again.
    """

    def __init__(self, settings: Settings) -> None:
        self._celery = create_celery_app(settings)
        self._celery.conf.broker_transport_options |= {
            "socket_timeout": 0.4 * NOTIFY_TIMEOUT_SECONDS,
            "socket_connect_timeout": 0.2 * NOTIFY_TIMEOUT_SECONDS,
            "max_retries": 0,
        }
        self._redis = redis.Redis.from_url(
            settings.redis_url,
            socket_timeout=0.4 * NOTIFY_TIMEOUT_SECONDS,
            socket_connect_timeout=0.2 * NOTIFY_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._send_lock = threading.Lock()

    def notify(self, job_id: str, device_class: str | None) -> bool:
        """Send a notification; return False if Redis did not accept it."""
        if not self._send_lock.acquire(timeout=0.4 * NOTIFY_TIMEOUT_SECONDS):
            return False
        try:
            return self._send(job_id, queue_name(device_class))
        finally:
            self._send_lock.release()

    def pending_count(self, device_class: str | None) -> int | None:
        """Count the unread notifications; None if Redis does not respond."""
        try:
            key = f"{_KEY_PREFIX}{queue_name(device_class)}"
            return self._redis.llen(key)
        except redis.RedisError:
            return None

    def ping(self) -> bool:
        """Return whether Redis responds now."""
        try:
            return bool(self._redis.ping())
        except redis.RedisError:
            return False

    def close(self) -> None:
        """Close the connections."""
        self._celery.close()
        self._redis.close()

    def _send(self, job_id: str, queue: str) -> bool:
        try:
            self._celery.send_task(TASK_NAME, args=[job_id], queue=queue, retry=False)
        except (OperationalError, redis.RedisError, OSError) as error:
            log.warning("notification_failed", job_id=job_id, error=str(error))
            return False
        return True
