"""Notification channel that loses, doubles and delays: what Redis is to a real farm."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from shared.queue import queue_name
from tests.simulation.farm.troubles import AWAY, CHANNEL, DOUBLING, LOSSY, SLOW

if TYPE_CHECKING:
    from tests.simulation.farm.processes import Process, WorkerProcess
    from tests.simulation.farm.world import World

_LONGEST_DELAY_SECONDS = 300.0


class Channel:
    """Lists of notifications, and the workers that read them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.queues: dict[str, deque[str]] = {}

    def send(self, sender: Process, queue: str, job_id: str) -> bool:
        """Take one notification; False: not taken."""
        world = self._world
        if world.troubles.find(CHANNEL, {AWAY}, sender) is not None:
            world.scheduler.sleep(0.5)
            return False
        if world.troubles.find(CHANNEL, {LOSSY}, sender) is not None:
            return True
        delay = 0.002
        if world.troubles.find(CHANNEL, {SLOW}, sender) is not None:
            delay = _LONGEST_DELAY_SECONDS ** world.rng.random()
        copies = 1 + (world.troubles.find(CHANNEL, {DOUBLING}, sender) is not None)
        for number in range(copies):
            world.scheduler.spawn(
                None, "message", lambda: self._arrive(queue, job_id), delay * 3**number
            )
        return True

    def take(self, worker: WorkerProcess) -> str | None:
        """Take the next notification for a worker that has just become free."""
        for name in worker.queue_names:
            if self.queues.get(name):
                return self.queues[name].popleft()
        return None

    def pending_count(self, queue: str) -> int:
        """Count the notifications that nobody has read."""
        return len(self.queues.get(queue, ()))

    def _arrive(self, queue: str, job_id: str) -> None:
        """Give it to one of those who wait, who may be frozen; else keep it."""
        readers = [
            worker
            for worker in self._world.workers
            if worker.is_listening and queue in worker.queue_names
        ]
        if readers:
            self._world.rng.choice(readers).deliver(job_id)
        else:
            self.queues.setdefault(queue, deque()).append(job_id)


class SimulatedNotifier:
    """The channel, as one process reaches it."""

    def __init__(self, world: World, process: Process) -> None:
        self._world, self._process = world, process

    def notify(self, job_id: str, device_class: str | None) -> bool:
        """Send one notification."""
        self._world.step(self._process, "before notify")
        name = queue_name(device_class)
        return self._world.channel.send(self._process, name, job_id)

    def pending_count(self, device_class: str | None) -> int | None:
        """Count those that wait; None: the channel is away."""
        self._world.step(self._process, "before pending_count")
        return (
            self._world.channel.pending_count(queue_name(device_class))
            if self.ping()
            else None
        )

    def ping(self) -> bool:
        """Return whether the channel answers."""
        return self._world.troubles.find("channel", {AWAY}, self._process) is None

    def close(self) -> None:
        """Close nothing."""
