"""Processes of a farm: workers with all their threads, and API servers."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from shared.db.base import new_id
from shared.errors import DeviceTaken, ImpastoError
from shared.maintenance.loop import MaintenanceLoop
from shared.queue import queue_name
from tests.simulation.farm.channel import SimulatedNotifier
from tests.simulation.farm.clock import VirtualClock
from tests.simulation.farm.engine import FakeNetworks
from tests.simulation.farm.resources import SimulatedDatabase, SimulatedStorage
from tests.simulation.scheduler import ProcessDied, ProcessExit
from worker import app
from worker.context import WorkerContext
from worker.devices.device import DeviceInfo
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

    from tests.simulation.farm.clock import Host
    from tests.simulation.farm.world import World
    from tests.simulation.scheduler import Task

KILLED, UNUSABLE, RESTART = -9, 78, 75
START_SECONDS = 3.0  # that a process takes to start
_GIB = 2**30


class Process:
    """A process on a host, with its resources; it may die and freeze."""

    def __init__(self, world: World, host: Host, name: str) -> None:
        self.world, self.host, self.name = world, host, name
        self.slot = name.partition(".")[0]
        self.is_dead, self.frozen_until = False, host.asleep_until
        self.started_at = world.scheduler.now
        self.worker_id: str | None = None  # as the rows of its jobs name it
        self.tasks: list[Task] = []
        self.clock = VirtualClock(world, self)
        self.db = SimulatedDatabase(world, self)
        self.storage = SimulatedStorage(world, self)
        self.notifier = SimulatedNotifier(world, self)

    def spawn(self, name: str, function: Callable[[], None]) -> Task:
        """Start a thread."""
        task = self.world.scheduler.spawn(self, name, function)
        self.tasks = [one for one in self.tasks if not one.is_done]
        self.tasks.append(task)
        return task

    @property
    def is_up(self) -> bool:
        """Whether it can do anything now."""
        return not self.is_dead and self.frozen_until <= self.world.scheduler.now

    def exit(self, code: int) -> None:
        """End at once: no thread goes on, nothing is tidied up."""
        if self.is_dead:
            return
        self.is_dead = True
        self.world.scheduler.note(self.name, f"exit {code}")
        for task in self.tasks:
            if not task.is_done:
                self.world.scheduler.wake(task)
        self.world.ended(self, code)

    def crashed(self, task: Task, error: Exception) -> None:
        """Note a thread that ended with an error, as none should."""
        self.world.complain(f"{task} ended with {error!r}")

    def freeze(self, seconds: float) -> None:
        """Let nothing of it run for a while."""
        until = self.world.scheduler.now + seconds
        self.frozen_until = max(self.frozen_until, until)

    def thaw(self) -> None:
        """Let it run again."""
        if not self.is_dead and self.frozen_until > self.world.scheduler.now:
            self.frozen_until = self.world.scheduler.now
            self.world.scheduler.thaw(self.tasks)

    def terminate(self) -> None:
        """Tell it to end, as SIGTERM does."""
        raise NotImplementedError


class ApiProcess(Process):
    """An API server: its verbs run in it, and a maintenance loop does."""

    def __init__(self, world: World, host: Host, name: str) -> None:
        super().__init__(world, host, name)
        self.spawn("main", self._main)

    def _main(self) -> None:
        maintenance = MaintenanceLoop(
            self.db, self.notifier, self.storage, self.world.settings, self.clock
        )
        maintenance.start()

    def terminate(self) -> None:
        self.exit(0)


class WorkerProcess(Process):
    """A worker, as `worker.app.serve` sets it up, with our channel instead of Celery.

    Attributes:
        is_deaf: It hears no notification any more.
        is_hung: Its next iteration never comes back.
        is_broken: Its device fails in every iteration.
    """

    def __init__(self, world: World, host: Host, name: str, device_class: str) -> None:
        super().__init__(world, host, name)
        self.queue_names = (queue_name(None), queue_name(device_class))
        self.is_deaf = self.is_hung = self.is_broken = False
        self.sick_since = float("inf")
        self.is_subscribed = self.is_free = False
        self.free_since = float("inf")
        self._inbox: list[str] = []
        self._arrived = threading.Event()
        self._drain_state: DrainState | None = None
        uuid = f"{device_class}-{self.slot}"
        self.worker_id = new_id("wkr")
        self.device = DeviceInfo(device_class, uuid, "a", 8 * _GIB)
        self.context = WorkerContext(
            db=self.db,
            storage=self.storage,
            networks=FakeNetworks(),
            device=self.device,
            settings=world.settings,
            worker_id=self.worker_id,
            draining=threading.Event(),
            clock=self.clock,
        )
        self.runner = Runner(self.context)
        self.spawn("main", self._main)

    @property
    def is_listening(self) -> bool:
        """Whether a notification would be given to it; it may be frozen."""
        waits = self.is_free and not self._inbox
        return not self.is_dead and self.is_subscribed and waits and not self.is_deaf

    @property
    def is_sick(self) -> bool:
        """Whether only a new process can work."""
        return self.is_deaf or self.is_hung or self.is_broken

    @property
    def is_leaving(self) -> bool:
        """Whether it was told to end."""
        return self._drain_state is not None and self._drain_state.is_shutting_down

    def deliver(self, job_id: str) -> None:
        """Receive a notification."""
        self._inbox.append(job_id)
        self._arrived.set()

    def terminate(self) -> None:
        if self._drain_state is None:
            self.exit(0)  # it has not yet begun
            return
        self._drain_state.shut_down()
        self._arrived.set()

    def _main(self) -> None:
        self.world.scheduler.sleep(START_SECONDS)
        try:
            register_when_device_is_free(self.context)
        except (DeviceTaken, ImpastoError) as error:
            self.world.scheduler.note(self.name, f"unusable: {error}")
            raise ProcessExit(UNUSABLE) from None
        self._serve()
        raise ProcessExit(0)

    def _serve(self) -> None:
        context, world = self.context, self.world
        state = DrainState(context.draining, self._set_subscribed, self.clock)
        self._drain_state = state
        maintenance = MaintenanceLoop(
            self.db, self.notifier, self.storage, world.settings, self.clock
        )
        self.clock.start_thread(
            "registration", partial(keep_registered, context, self.runner, state)
        )
        watchdog = Watchdog(context, self.runner, self.notifier.ping)
        self.clock.start_thread(
            "watchdog", partial(app._run_watchdog, context, watchdog)
        )
        maintenance.start()
        self.is_subscribed = True
        try:
            self._consume(state)
        finally:
            state.shut_down()
            maintenance.stop()
            deregister(context)

    def _consume(self, state: DrainState) -> None:
        while not state.is_shutting_down:
            job_id = None
            if self._inbox:
                job_id = self._inbox.pop()
            elif self.is_subscribed and not self.is_deaf:
                job_id = self.world.channel.take(self)
            if job_id is not None:
                while self.runner.run_one():
                    pass
                continue
            self._set_free(is_free=True)
            self.clock.wait(self._arrived)
            self._arrived.clear()
            self._set_free(is_free=False)

    def _set_free(self, *, is_free: bool) -> None:
        self.is_free = is_free
        self.free_since = self.world.scheduler.now if is_free else float("inf")

    def _set_subscribed(self, subscribed: bool) -> None:
        self.is_subscribed = subscribed
        self._arrived.set()


__all__ = ["ApiProcess", "Process", "ProcessDied", "WorkerProcess"]
