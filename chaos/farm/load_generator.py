"""Load generator: submits jobs, most of them hash chains, some real pictures.

One thread per API server submits to it, and to another one if it does not respond.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from chaos.hash_chain import FIRST_SEED
from chaos.records import CHAIN, STYLE, Submission
from shared.db.models.jobs import Job
from shared.errors import DatabaseUnavailable
from shared.states import TERMINAL, JobState
from tests.support.farm import picture

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from chaos.farm.api_process import ApiClient
    from chaos.records import Records
    from shared.db.database import Database

ACCEPTED = 202
STYLES_PER_JOB = 0.15  # share of real pictures among the jobs
CHAIN_ITERATIONS = (40, 200)
_LOOK_SECONDS = 0.1
_FIRST_OWN_PICTURE = 1000  # pictures of chains: no other job uses them

# Real jobs, as small as possible; each covers another path of the engine.
PICTURES: tuple[dict[str, Any], ...] = (
    {"max_edge": 64, "schedule": [[48, 25], [64, 25]], "optimizer": "lbfgs"},
    {"max_edge": 64, "schedule": [[64, 40]], "optimizer": "adam"},
    {"max_edge": 96, "schedule": [[64, 20], [96, 15]], "color": "luminance"},
)


class LoadGenerator:
    """Load generator that keeps about `in_flight` unfinished jobs.

    Args:
        clients: Clients that submit jobs, each in its own thread.
        db: Database in which unfinished jobs are counted.
        diary: Records to which submissions are added.
        rng: Random numbers that choose the jobs.
        in_flight: Number of unfinished jobs.
    """

    def __init__(
        self,
        clients: Sequence[ApiClient],
        db: Database,
        diary: Records,
        rng: Random,
        in_flight: int,
    ) -> None:
        self._clients, self._db, self._diary = clients, db, diary
        self._rng, self._in_flight = rng, in_flight
        self._first = FIRST_SEED + rng.randrange(2**40)
        self._ended, self._extra = threading.Event(), 0
        self._numbers = itertools.count()
        self._threads = [
            threading.Thread(target=self._run, args=(each,), name="load", daemon=True)
            for each in clients
        ]

    def start(self) -> None:
        """Start submitting jobs."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop submitting jobs; return after the last response."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def add_jobs(self, count: int) -> None:
        """Submit `count` jobs at once, however many are unfinished."""
        self._extra += count

    def submit_picture(self, variant: int) -> Submission:
        """Submit one of the real jobs."""
        return self._submit_picture(self._clients[0], variant)

    def _run(self, client: ApiClient) -> None:
        while not self._ended.is_set():
            if self._extra > 0 or self._under_way() < self._in_flight:
                self._extra = max(0, self._extra - 1)
                self._submit_any(client)
            else:
                self._ended.wait(_LOOK_SECONDS)

    def _under_way(self) -> int:
        over = (*TERMINAL, JobState.PAUSED)
        try:
            with self._db.read() as session:
                count = select(func.count()).where(Job.state.not_in(over))
                return session.scalar(count) or 0
        except DatabaseUnavailable:
            return self._in_flight

    def _submit_any(self, client: ApiClient) -> None:
        if self._rng.random() < STYLES_PER_JOB:
            self._submit_picture(client, self._rng.randrange(len(PICTURES)))
            return
        number = next(self._numbers)
        seed = self._first + number
        iterations = self._rng.randint(*CHAIN_ITERATIONS)
        turn = self._rng.randint(1, iterations - 1)
        params = {
            "max_edge": 64,
            "seed": seed,
            "schedule": [[48, turn], [64, iterations - turn]],
            "embed_recipe": False,
        }
        content = picture(_FIRST_OWN_PICTURE + number)
        self._submit(client, CHAIN, seed, params, content)

    def _submit_picture(self, client: ApiClient, variant: int) -> Submission:
        return self._submit(client, STYLE, variant, PICTURES[variant], picture(variant))

    def _submit(
        self,
        client: ApiClient,
        kind: str,
        variant: int,
        params: dict[str, Any],
        content: bytes,
    ) -> Submission:
        name = f"{kind} {next(self._numbers)}"
        pictures = {"content": content, "style": picture(100 + variant % len(PICTURES))}
        began, at = time.monotonic(), time.time()
        status, answer = client.submit(name, json.dumps(params), pictures)
        sent = Submission(
            name=name,
            kind=kind,
            variant=variant,
            params=params,
            job_id=answer["id"] if status == ACCEPTED else None,
            is_unknown=status != ACCEPTED,
            at=at,
            seconds=time.monotonic() - began,
        )
        self._diary.submissions.append(sent)
        return sent
