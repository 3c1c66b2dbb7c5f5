"""Worker processes of a chaos farm: started, restarted when they end, terminated.

Each process is forked from an idle process that has loaded torch, so that a restart
does not take the three seconds of loading it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from chaos.workers.failpoints import Failpoints
from chaos.workers.forkserver import become_worker
from shared.db.models.jobs import Job
from shared.db.models.workers import Worker
from shared.states import LEASED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from multiprocessing.context import ForkServerProcess

    from shared.db.database import Database

ROOT = Path(__file__).parents[2]
LEAVE_SECONDS = 25.0
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["chaos.workers.chaos_worker", "chaos.workers.forkserver"]
)


class WorkerSlot:
    """Slot for one worker process.

    Attributes:
        number: Number of the slot, from 1; the name of its device ends with it.
        traps: Failpoints of the worker in this slot.
    """

    def __init__(
        self, number: int, environment: Mapping[str, str], home: Path, host: str
    ) -> None:
        self.number, self._home = number, home
        self.traps = Failpoints(home, str(number))
        named = {
            "CHAOS_TRAPS": str(home),
            "CHAOS_SLOT": str(number),
            "CHAOS_HOST": host,
        }
        self._environment = {**environment, **named}
        self._process: ForkServerProcess | None = None
        self._frozen = False
        self.starts = 0

    def start(self) -> None:
        """Start a worker in this slot."""
        options = ["--device", "cpu", "--slot", str(self.number)]
        self._process = _FORKS.Process(
            target=become_worker, args=(options, self._environment, self._log)
        )
        self._process.start()
        self._frozen = False
        self.starts += 1

    @property
    def _log(self) -> Path:
        return self._home / f"worker-{self.number}.log"

    def count_in_log(self, words: str) -> int:
        """Count the lines of the log, over all restarts, that contain these words."""
        if not self._log.exists():
            return 0
        return sum(words in line for line in self._log.read_text().splitlines())

    def poll(self) -> int | None:
        """Return the worker's exit code, or None while it runs."""
        return None if self._process is None else self._process.exitcode

    def send(self, number: int) -> None:
        """Send a signal to the worker."""
        if self._process is not None and self._process.exitcode is None:
            os.kill(self._process.pid, number)
            self._frozen = {signal.SIGSTOP: True, signal.SIGCONT: False}.get(
                signal.Signals(number), self._frozen
            )

    @property
    def is_frozen(self) -> bool:
        """Whether this slot stopped the worker and did not continue it."""
        return self._frozen

    def wait(self, seconds: float) -> int | None:
        """Wait until the worker ends; return its exit code, or None if it runs on."""
        if self._process is None:
            return 0
        self._process.join(seconds)
        return self._process.exitcode

    def kill(self) -> None:
        """Kill the worker."""
        if self._process is not None and self._process.exitcode is None:
            self._process.kill()
            self._process.join()

    def find_job(self, db: Database) -> tuple[str, int] | None:
        """Return (id, fence) of the worker's job according to its row."""
        with db.read() as session:
            found = session.execute(
                select(Job.id, Job.fence)
                .join(Worker, Worker.id == Job.worker_id)
                .where(
                    Worker.device_uuid.endswith(f"-{self.number}"),
                    Job.state.in_(LEASED),
                )
            ).first()
        return None if found is None else (found.id, found.fence)


class WorkerPool:
    """Slots of all workers of a farm."""

    def __init__(
        self,
        count: int,
        environment: Mapping[str, str],
        home: Path,
        hosts: Sequence[str],
    ) -> None:
        self.slots = [
            WorkerSlot(number, environment, home, hosts[number % len(hosts)])
            for number in range(1, count + 1)
        ]

    def start(self) -> None:
        """Start all workers."""
        for berth in self.slots:
            berth.start()

    def restart_exited(self) -> list[tuple[int, int]]:
        """Restart the ended workers; return (slot, exit code) of each."""
        ended = []
        for berth in self.slots:
            if (code := berth.poll()) is not None:
                ended.append((berth.number, code))
                berth.start()
        return ended

    def stop(self) -> list[str]:
        """Terminate all workers; return a complaint for each that ended wrongly."""
        for berth in self.slots:
            berth.traps.clear()
            berth.send(signal.SIGCONT)
            berth.send(signal.SIGTERM)
        deadline = time.monotonic() + LEAVE_SECONDS
        complaints = []
        for berth in self.slots:
            code = berth.wait(max(0.1, deadline - time.monotonic()))
            if code not in {0, -signal.SIGTERM}:  # it may have been starting
                complaints.append(f"worker {berth.number} ended with {code} at the end")
        return complaints

    def kill(self) -> None:
        """Kill all workers."""
        for berth in self.slots:
            berth.kill()
