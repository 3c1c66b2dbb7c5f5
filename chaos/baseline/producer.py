"""Producer of tasks for plain Celery."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import redis
from celery import Celery
from kombu.exceptions import OperationalError

from chaos.farm.load_generator import CHAIN_ITERATIONS

if TYPE_CHECKING:
    from random import Random

_SENDER_SECONDS = 2.0  # a producer waits for Redis for at most this time


class Producer:
    """Producer that calls `apply_async` at an even pace.

    It sets a timeout, which Celery does not: without one, the first half-open
    connection would block it forever.
    """

    def __init__(self, broker: str, rng: Random, every_seconds: float) -> None:
        self._queue = Celery("baseline", broker=broker)
        self._queue.conf.broker_transport_options = {"socket_timeout": _SENDER_SECONDS}
        self._rng, self._every = rng, every_seconds
        self._ended, self._extra = threading.Event(), 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.sent: dict[str, tuple[int, int]] = {}
        self.refused = 0

    def start(self) -> None:
        """Start sending tasks."""
        self._thread.start()

    def stop(self) -> None:
        """Stop sending tasks."""
        self._ended.set()
        self._thread.join(timeout=10 * _SENDER_SECONDS)

    def add_jobs(self, count: int) -> None:
        """Send `count` tasks at once."""
        self._extra += count

    def _run(self) -> None:
        number = 0
        while not self._ended.is_set():
            number += 1
            chain = (number, self._rng.randint(*CHAIN_ITERATIONS))
            try:
                answer = self._queue.send_task("chain", args=chain)
                self.sent[answer.id] = chain
            except (OperationalError, redis.RedisError, OSError):
                self.refused += 1
            if self._extra > 0:
                self._extra -= 1
            else:
                self._ended.wait(self._every)
