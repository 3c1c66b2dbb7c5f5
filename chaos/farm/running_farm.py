"""Running farm: its processes, clients and records, as the faults use them."""

from __future__ import annotations

import heapq
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from chaos.farm.api_process import ApiClient, ApiProcess
from chaos.farm.infrastructure import prepare_environment
from chaos.farm.load_generator import LoadGenerator
from chaos.farm.worker_processes import WorkerPool
from chaos.farm_settings import ENVIRONMENT, HOSTS
from chaos.records import Fault, Records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from random import Random

    from chaos.farm.infrastructure import FarmEnvironment
    from chaos.farm.worker_processes import WorkerSlot


@dataclass(slots=True)
class DelayedActions:
    """Actions to run at a later time, in order."""

    _waiting: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=count)

    def schedule(self, seconds: float, work: Callable[[], None]) -> None:
        """Schedule `work` to run after `seconds`."""
        due = time.monotonic() + seconds
        heapq.heappush(self._waiting, (due, next(self._numbers), work))

    def run_due(self, *, all_of_it: bool = False) -> None:
        """Run the due actions, or all of them."""
        while self._waiting and (all_of_it or self._waiting[0][0] <= time.monotonic()):
            heapq.heappop(self._waiting)[2]()


@dataclass(slots=True)
class RunningFarm:
    """Parts of a running farm that faults use.

    Attributes:
        clients: Clients, one per API server; they fall back to the other servers.
        threads: Threads for requests that wait for a response of the API.
        delayed: Repairs that will run later.
        broken_parts: Names of the broken parts, so that none is broken twice.
    """

    environment: FarmEnvironment
    workers: WorkerPool
    servers: Sequence[ApiProcess]
    clients: Sequence[ApiClient]
    load: LoadGenerator
    records: Records
    rng: Random
    threads: ThreadPoolExecutor
    delayed: DelayedActions = field(default_factory=DelayedActions)
    broken_parts: set[str] = field(default_factory=set)

    def pick_worker(self) -> WorkerSlot | None:
        """Choose a worker that is neither ended nor frozen, mostly one with a job."""
        up = [one for one in self.workers.slots if one.poll() is None]
        up = [one for one in up if not one.is_frozen]
        held = [one for one in up if one.find_job(self.environment.db) is not None]
        if held and self.rng.random() < 0.9:  # noqa: PLR2004 - a share
            return self.rng.choice(held)
        return self.rng.choice(up) if up else None

    def pick_client(self) -> ApiClient:
        """Choose a client, and with it an API server."""
        return self.rng.choice(self.clients)

    def describe_fault(
        self, kind: str, berth: WorkerSlot, until: float | None = None
    ) -> Fault:
        """Return a fault of the worker in `berth`, with the job of that worker."""
        held = berth.find_job(self.environment.db)
        job_id, fence = held or (None, None)
        now = time.time()
        return Fault(kind, now, until or now, job_id, fence)

    def restore_after(
        self, part: str, seconds: float, undo: Callable[[], None]
    ) -> None:
        """Mark a part as broken, and repair it after `seconds`."""
        self.broken_parts.add(part)

        def mend() -> None:
            undo()
            self.broken_parts.discard(part)

        self.delayed.schedule(seconds, mend)


@contextmanager
def run_farm(
    database: str, workers: int, rng: Random, *, replicated: bool = False
) -> Iterator[RunningFarm]:
    """Start a whole farm; at the end, kill all processes that are left.

    The farm has two API servers, and with PostgreSQL, workers of two hosts.
    """
    with ExitStack() as undo:
        ground = undo.enter_context(
            prepare_environment(database, replicated=replicated)
        )
        environment = {
            **ENVIRONMENT,
            "IMPASTO_HOME": str(ground.home),
            "IMPASTO_DATABASE_URL": ground.database_url,
            "IMPASTO_REDIS_URL": f"redis://127.0.0.1:{ground.proxy.port}/0",
        }
        servers = [ApiProcess(environment, ground.home, n) for n in (1, 2)]
        hosts = HOSTS[:1] if ground.db.serves_one_host else HOSTS
        crew, diary = WorkerPool(workers, environment, ground.home, hosts), Records()
        clients = [
            ApiClient(each.url, [one.url for one in servers if one is not each])
            for each in servers
        ]
        load = LoadGenerator(clients, ground.db, diary, rng, max(1, workers - 1))
        for client in clients:
            undo.callback(client.close)
        for server in servers:
            undo.callback(server.kill)
            server.start()
        undo.callback(crew.kill)
        crew.start()
        for server in servers:
            server.wait_ready()
        people = undo.enter_context(ThreadPoolExecutor(8))
        yield RunningFarm(ground, crew, servers, clients, load, diary, rng, people)
