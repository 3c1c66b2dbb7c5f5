"""A farm that runs, and what is going on with it: what a fault may reach."""

from __future__ import annotations

import heapq
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from chaos.farm.api_process import Person, Server
from chaos.farm.infrastructure import prepared
from chaos.farm.load_generator import Load
from chaos.farm.worker_processes import Crew
from chaos.farm_settings import ENVIRONMENT
from chaos.records import Diary, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from chaos.farm.infrastructure import Ground
    from chaos.farm.worker_processes import Berth


@dataclass(slots=True)
class Later:
    """What is to be done at some time, in order."""

    _waiting: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=count)

    def after(self, seconds: float, work: Callable[[], None]) -> None:
        """Do `work` in so many seconds."""
        due = time.monotonic() + seconds
        heapq.heappush(self._waiting, (due, next(self._numbers), work))

    def do_due(self, *, all_of_it: bool = False) -> None:
        """Do what is due; or everything, at once."""
        while self._waiting and (all_of_it or self._waiting[0][0] <= time.monotonic()):
            heapq.heappop(self._waiting)[2]()


@dataclass(slots=True)
class Scene:
    """Everything that a fault may reach.

    Attributes:
        people: Threads for whoever waits for an answer of the API.
        later: What is to be mended.
        busy: Names of parts that are broken now: they are not broken twice.
    """

    ground: Ground
    crew: Crew
    server: Server
    person: Person
    load: Load
    diary: Diary
    rng: Random
    people: ThreadPoolExecutor
    later: Later = field(default_factory=Later)
    busy: set[str] = field(default_factory=set)

    def pick(self) -> Berth | None:
        """Choose a worker that lives and moves: rather one that has a job."""
        up = [one for one in self.crew.berths if one.poll() is None]
        up = [one for one in up if not one.is_frozen]
        held = [one for one in up if one.job(self.ground.db) is not None]
        if held and self.rng.random() < 0.9:  # noqa: PLR2004 - a share
            return self.rng.choice(held)
        return self.rng.choice(up) if up else None

    def hit(self, kind: str, berth: Berth, until: float | None = None) -> Fault:
        """Describe a fault of the worker in `berth`, with the job that it has."""
        held = berth.job(self.ground.db)
        job_id, fence = held or (None, None)
        now = time.time()
        return Fault(kind, now, until or now, job_id, fence)

    def occupied(self, part: str, seconds: float, undo: Callable[[], None]) -> None:
        """Keep a part broken for a while, then mend it."""
        self.busy.add(part)

        def mend() -> None:
            undo()
            self.busy.discard(part)

        self.later.after(seconds, mend)


@contextmanager
def running(database: str, workers: int, rng: Random) -> Iterator[Scene]:
    """Start a whole farm; whatever is left of it afterwards is killed."""
    with prepared(database) as ground:
        environment = {
            **ENVIRONMENT,
            "IMPASTO_HOME": str(ground.home),
            "IMPASTO_DATABASE_URL": ground.database_url,
            "IMPASTO_REDIS_URL": f"redis://127.0.0.1:{ground.proxy.port}/0",
        }
        server = Server(environment, ground.home)
        crew = Crew(workers, environment, ground.home)
        person, diary = Person(server.url), Diary()
        load = Load(person, ground.db, diary, rng, max(1, workers - 1))
        try:
            server.start()
            crew.start()
            server.wait_ready()
            with ThreadPoolExecutor(8) as people:
                yield Scene(ground, crew, server, person, load, diary, rng, people)
        finally:
            crew.kill()
            server.kill()
            person.close()
