"""Processes of plain Celery workers, in place of the product's workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from chaos.farm.worker_processes import ROOT, WorkerPool

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class PlainWorkerSlot:
    """Slot for one `celery worker` with one process in its pool."""

    def __init__(self, number: int, environment: Mapping[str, str], home: Path) -> None:
        self.number, self._home = number, home
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None
        self.is_frozen = False
        self.starts = 0

    def start(self) -> None:
        """Start a worker in this slot."""
        node = f"--hostname=plain-{self.number}@%h"
        words = ["-A", "chaos.baseline.tasks", "worker", "--concurrency=1", node]
        with (self._home / f"plain-{self.number}.log").open("a") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "celery", *words],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.is_frozen = False
        self.starts += 1

    def poll(self) -> int | None:
        """Return the worker's exit code, or None while it runs."""
        return None if self._process is None else self._process.poll()

    def send(self, number: int) -> None:
        """Send a signal to the worker; to its pool, too, if it cannot be caught."""
        if self._process is None or self._process.poll() is not None:
            return
        if number == signal.SIGTERM:
            self._process.terminate()
        else:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
        self.is_frozen = number == signal.SIGSTOP

    def find_job(self, _db: object) -> None:
        """Return None: the task of a plain worker is not recorded anywhere."""

    def kill(self) -> None:
        """Kill the worker and its pool."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class PlainWorkerPool(WorkerPool):
    """Slots of all plain workers."""

    def __init__(self, count: int, environment: Mapping[str, str], home: Path) -> None:
        numbers = range(1, count + 1)
        self.slots = [PlainWorkerSlot(number, environment, home) for number in numbers]
