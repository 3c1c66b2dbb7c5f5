"""The worker processes: started, started again when they end, told to go home."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from chaos.traps import Traps
from shared.models import Job, Worker
from shared.states import HELD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.db import Database

ROOT = Path(__file__).parent.parent
LEAVE_SECONDS = 25.0


class Berth:
    """A place for one worker, and the process in it.

    Attributes:
        number: From 1; the name of its device ends with it.
        traps: Of whoever is in it.
    """

    def __init__(self, number: int, environment: Mapping[str, str], home: Path) -> None:
        self.number, self._home = number, home
        self.traps = Traps(home, str(number))
        named = {"CHAOS_TRAPS": str(home), "CHAOS_SLOT": str(number)}
        self._environment = {**os.environ, **environment, **named}
        self._process: subprocess.Popen[bytes] | None = None
        self._frozen = False
        self.starts = 0

    def start(self) -> None:
        """Start a worker in it."""
        options = ["--device", "cpu", "--slot", str(self.number)]
        with (self._home / f"worker-{self.number}.log").open("a") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "chaos.worker", *options],
                cwd=ROOT,
                env=self._environment,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        self._frozen = False
        self.starts += 1

    def poll(self) -> int | None:
        """The exit code of its worker, None while it lives."""
        return None if self._process is None else self._process.poll()

    def send(self, number: int) -> None:
        """Send a signal to it."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            self._frozen = {signal.SIGSTOP: True, signal.SIGCONT: False}.get(
                signal.Signals(number), self._frozen
            )

    @property
    def is_frozen(self) -> bool:
        """Whether it was stopped by us and not continued."""
        return self._frozen

    def wait(self, seconds: float) -> int | None:
        """Wait for its end; None: it is still there."""
        if self._process is None:
            return 0
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(seconds)
        return None

    def kill(self) -> None:
        """End whatever is in it, with all that it has started."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def job(self, db: Database) -> tuple[str, int] | None:
        """Which job it holds now, by the rows: (id, fence)."""
        with db.read() as session:
            found = session.execute(
                select(Job.id, Job.fence)
                .join(Worker, Worker.id == Job.worker_id)
                .where(
                    Worker.device_uuid.endswith(f"-{self.number}"), Job.state.in_(HELD)
                )
            ).first()
        return None if found is None else (found.id, found.fence)


class Crew:
    """All workers of a farm."""

    def __init__(self, count: int, environment: Mapping[str, str], home: Path) -> None:
        numbers = range(1, count + 1)
        self.berths = [Berth(number, environment, home) for number in numbers]

    def start(self) -> None:
        """Start all."""
        for berth in self.berths:
            berth.start()

    def tend(self) -> list[tuple[int, int]]:
        """Start again those that have ended; returns (place, exit code) of them."""
        ended = []
        for berth in self.berths:
            if (code := berth.poll()) is not None:
                ended.append((berth.number, code))
                berth.start()
        return ended

    def dismiss(self) -> list[str]:
        """Tell all to end; returns complaints about those that did not do it well."""
        for berth in self.berths:
            berth.traps.clear()
            berth.send(signal.SIGCONT)
            berth.send(signal.SIGTERM)
        deadline = time.monotonic() + LEAVE_SECONDS
        complaints = []
        for berth in self.berths:
            code = berth.wait(max(0.1, deadline - time.monotonic()))
            if code != 0:
                complaints.append(f"worker {berth.number} ended with {code} at the end")
        return complaints

    def kill(self) -> None:
        """End all at once, whatever they do."""
        for berth in self.berths:
            berth.kill()
