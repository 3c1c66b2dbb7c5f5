"""Running farm: its processes, clients and records, as the faults use them."""

from __future__ import annotations

import heapq
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from chaos.farm.api_process import ApiClient, ApiProcess
from chaos.farm.infrastructure import prepare_environment
from chaos.farm.load_generator import LoadGenerator
from chaos.farm.worker_processes import WorkerPool
from chaos.farm_settings import ENVIRONMENT
from chaos.records import Fault, Records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from chaos.farm.infrastructure import FarmEnvironment
    from chaos.farm.worker_processes import WorkerSlot


@dataclass(slots=True)
class DelayedActions:
    """Actions to run at a later time, in order."""

    _waiting: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=count)

    def schedule(self, seconds: float, work: Callable[[], None]) -> None:
        """Do `work` in so many seconds."""
        due = time.monotonic() + seconds
        heapq.heappush(self._waiting, (due, next(self._numbers), work))

    def run_due(self, *, all_of_it: bool = False) -> None:
        """Do what is due; or everything, at once."""
        while self._waiting and (all_of_it or self._waiting[0][0] <= time.monotonic()):
            heapq.heappop(self._waiting)[2]()


@dataclass(slots=True)
class RunningFarm:
    """Parts of a running farm that faults use.

    Attributes:
        threads: Threads for requests that wait for a response of the API.
        delayed: Repairs to be done later.
        broken_parts: Names of parts that are broken now: they are not broken twice.
    """

    environment: FarmEnvironment
    workers: WorkerPool
    server: ApiProcess
    client: ApiClient
    load: LoadGenerator
    records: Records
    rng: Random
    threads: ThreadPoolExecutor
    delayed: DelayedActions = field(default_factory=DelayedActions)
    broken_parts: set[str] = field(default_factory=set)

    def pick_worker(self) -> WorkerSlot | None:
        """Choose a worker that lives and moves: rather one that has a job."""
        up = [one for one in self.workers.slots if one.poll() is None]
        up = [one for one in up if not one.is_frozen]
        held = [one for one in up if one.find_job(self.environment.db) is not None]
        if held and self.rng.random() < 0.9:  # noqa: PLR2004 - a share
            return self.rng.choice(held)
        return self.rng.choice(up) if up else None

    def describe_fault(
        self, kind: str, berth: WorkerSlot, until: float | None = None
    ) -> Fault:
        """Describe a fault of the worker in `berth`, with the job that it has."""
        held = berth.find_job(self.environment.db)
        job_id, fence = held or (None, None)
        now = time.time()
        return Fault(kind, now, until or now, job_id, fence)

    def restore_after(
        self, part: str, seconds: float, undo: Callable[[], None]
    ) -> None:
        """Keep a part broken for a while, then mend it."""
        self.broken_parts.add(part)

        def mend() -> None:
            undo()
            self.broken_parts.discard(part)

        self.delayed.schedule(seconds, mend)


@contextmanager
def run_farm(database: str, workers: int, rng: Random) -> Iterator[RunningFarm]:
    """Start a whole farm; whatever is left of it afterwards is killed."""
    with prepare_environment(database) as ground:
        environment = {
            **ENVIRONMENT,
            "IMPASTO_HOME": str(ground.home),
            "IMPASTO_DATABASE_URL": ground.database_url,
            "IMPASTO_REDIS_URL": f"redis://127.0.0.1:{ground.proxy.port}/0",
        }
        server = ApiProcess(environment, ground.home)
        crew = WorkerPool(workers, environment, ground.home)
        person, diary = ApiClient(server.url), Records()
        load = LoadGenerator(person, ground.db, diary, rng, max(1, workers - 1))
        try:
            server.start()
            crew.start()
            server.wait_ready()
            with ThreadPoolExecutor(8) as people:
                yield RunningFarm(
                    ground, crew, server, person, load, diary, rng, people
                )
        finally:
            crew.kill()
            server.kill()
            person.close()
