"""Scheduler of virtual time: runs one greenlet at a time, in an order by the seed.

A greenlet runs until it sleeps or waits. Time then jumps to the next moment at which
one of them goes on. Processes are groups of greenlets; a dead one never runs again, a
frozen one goes on when it thaws.
"""

from __future__ import annotations

import hashlib
import heapq
from itertools import count
from typing import TYPE_CHECKING, Protocol

import greenlet

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from random import Random

MOST_STEPS = 3_000_000  # a seed that takes more never ends


class ProcessDied(BaseException):
    """Raised in every greenlet of a dead process, at each of its next steps."""


class ProcessExit(ProcessDied):
    """Raised by the greenlet that ends its own process."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Process(Protocol):
    """What the scheduler must know of a process."""

    name: str
    is_dead: bool
    frozen_until: float

    def exit(self, code: int) -> None:
        """End this process."""

    def crashed(self, task: Task, error: Exception) -> None:
        """Note that a thread ended with an error."""


class Task:
    """One greenlet, with the moment at which it goes on."""

    def __init__(self, process: Process | None, name: str) -> None:
        self.process, self.name = process, name
        self.greenlet: greenlet.greenlet | None = None
        self.turn, self.due = 0, 0.0  # an entry of another turn is out of date
        self.is_done = False

    def __repr__(self) -> str:
        return f"{self.process.name}/{self.name}" if self.process else self.name


class Scheduler:
    """Scheduler of all greenlets of one seed."""

    def __init__(self, rng: Random) -> None:
        self.rng, self.now, self.steps = rng, 0.0, 0
        self.trace: list[tuple[float, str, str]] = []
        self.is_over = False
        self._main = greenlet.getcurrent()
        self._current: Task | None = None
        self._heap: list[tuple[float, int, Task, int]] = []
        self._order = count()
        self._waiting: dict[Task, threading.Event] = {}

    @property
    def current(self) -> Task:
        """The greenlet that runs now."""
        assert self._current is not None
        return self._current

    def note(self, who: str, what: str) -> None:
        """Add a line to the trace."""
        self.trace.append((self.now, who, what))

    def digest(self) -> str:
        """SHA-256 of the whole trace."""
        lines = (f"{at!r} {who} {what}\n" for at, who, what in self.trace)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def spawn(
        self,
        process: Process | None,
        name: str,
        function: Callable[[], None],
        delay: float = 0.0,
    ) -> Task:
        """Start a greenlet of a process, or of nobody's, after a delay."""
        task = Task(process, name)
        task.greenlet = greenlet.greenlet(
            lambda: self._live(task, function), parent=self._main
        )
        self._push(task, self.now + delay)
        return task

    def sleep(self, seconds: float) -> None:
        """Let the running greenlet go on after `seconds`."""
        self.require_alive()
        self._push(self.current, self.now + max(0.0, seconds))
        self._main.switch()
        self.require_alive()

    def wait(self, event: threading.Event, seconds: float | None) -> bool:
        """Let the running greenlet go on when `event` is set, or after `seconds`."""
        self.require_alive()
        if not event.is_set():
            self._waiting[self.current] = event
            self.sleep(float("inf") if seconds is None else seconds)
        return event.is_set()

    def join(self, task: Task, seconds: float | None = None) -> None:
        """Wait until another greenlet is done."""
        end = self.now + (float("inf") if seconds is None else seconds)
        while not task.is_done and self.now < end:
            self.sleep(min(0.05, end - self.now))

    def require_alive(self) -> None:
        """Stop the running greenlet if its process is dead.

        Raises:
            ProcessDied: It is.
        """
        process = self.current.process
        if process is not None and process.is_dead:
            raise ProcessDied

    def wake(self, task: Task) -> None:
        """Let a greenlet go on now."""
        self._push(task, self.now)

    def thaw(self, tasks: list[Task]) -> None:
        """Let greenlets of a process that was frozen go on, if their time has come."""
        for task in tasks:
            if not task.is_done and task.due <= self.now:
                entry = (self.now, next(self._order), task, task.turn)
                heapq.heappush(self._heap, entry)

    def run(self) -> None:
        """Run until `is_over`."""
        while self._heap and not self.is_over:
            at, order, task, turn = heapq.heappop(self._heap)
            if turn != task.turn or task.is_done:
                continue
            process = task.process
            if process is not None and not process.is_dead:
                thaws_at = process.frozen_until
                if thaws_at > max(at, self.now):
                    heapq.heappush(self._heap, (thaws_at, order, task, turn))
                    continue
            if at == float("inf"):
                raise RuntimeError("everything waits for ever")
            self.now = max(self.now, at)
            self._switch(task)
            self.steps += 1
            if self.steps > MOST_STEPS:
                raise RuntimeError("this seed never ends")

    def close(self) -> None:
        """End all greenlets: what a suspended one refers to could never be freed."""
        for task in {task for _, _, task, _ in self._heap}:
            if task.greenlet:  # it has begun, and not ended
                self._current = task
                task.greenlet.throw(ProcessDied)

    def _switch(self, task: Task) -> None:
        self._waiting.pop(task, None)
        self._current = task
        assert task.greenlet is not None
        if task.process is not None and task.process.is_dead:
            task.is_done = True
            if task.greenlet:  # it has begun
                task.greenlet.throw(ProcessDied)
        else:
            task.greenlet.switch()
        waiting = self._waiting
        for waiter in [one for one, event in waiting.items() if event.is_set()]:
            del waiting[waiter]
            self._push(waiter, self.now)

    def _push(self, task: Task, at: float) -> None:
        task.turn += 1
        task.due = at
        heapq.heappush(self._heap, (at, next(self._order), task, task.turn))

    def _live(self, task: Task, function: Callable[[], None]) -> None:
        process = task.process
        try:
            function()
        except ProcessExit as end:
            if process is not None and not process.is_dead:
                process.exit(end.code)
        except ProcessDied:
            pass
        except Exception as error:
            if process is None:
                raise
            process.crashed(task, error)
        finally:
            task.is_done = True
