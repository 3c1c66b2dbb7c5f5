"""Keeps jobs coming: most of them chains, some real pictures, a few at a time."""

from __future__ import annotations

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
    from random import Random

    from chaos.farm.api_process import ApiClient
    from chaos.records import Records
    from shared.db.database import Database

ACCEPTED = 202
STYLES_PER_JOB = 0.15  # share of real pictures among the jobs
CHAIN_ITERATIONS = (40, 200)
_LOOK_SECONDS = 0.1

# Real jobs, as small as they come; each stands for another path of the engine.
PICTURES: tuple[dict[str, Any], ...] = (
    {"max_edge": 64, "schedule": [[48, 25], [64, 25]], "optimizer": "lbfgs"},
    {"max_edge": 64, "schedule": [[64, 40]], "optimizer": "adam"},
    {"max_edge": 96, "schedule": [[64, 20], [96, 15]], "color": "luminance"},
)


class LoadGenerator:
    """Submits jobs, so that about `in_flight` of them are under way.

    Args:
        person: Client that sends them.
        db: To count those under way.
        diary: Records to add the submissions to.
        rng: Decides which.
        in_flight: How many.
    """

    def __init__(
        self,
        person: ApiClient,
        db: Database,
        diary: Records,
        rng: Random,
        in_flight: int,
    ) -> None:
        self._person, self._db, self._diary = person, db, diary
        self._rng, self._in_flight = rng, in_flight
        self._first = FIRST_SEED + rng.randrange(2**40)
        self._ended, self._extra = threading.Event(), 0
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Submit no more; returns once the last answer is there."""
        self._ended.set()
        self._thread.join()

    def add_jobs(self, count: int) -> None:
        """Submit some at once, however many are under way."""
        self._extra += count

    def submit_picture(self, variant: int) -> Submission:
        """Submit one of the real jobs."""
        return self._submit(STYLE, variant, PICTURES[variant])

    def _run(self) -> None:
        while not self._ended.is_set():
            if self._extra > 0 or self._under_way() < self._in_flight:
                self._extra = max(0, self._extra - 1)
                self._submit_any()
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

    def _submit_any(self) -> None:
        if self._rng.random() < STYLES_PER_JOB:
            self.submit_picture(self._rng.randrange(len(PICTURES)))
            return
        seed = self._first + len(self._diary.submissions)
        iterations = self._rng.randint(*CHAIN_ITERATIONS)
        turn = self._rng.randint(1, iterations - 1)
        schedule = [[48, turn], [64, iterations - turn]]
        params = {
            "max_edge": 64,
            "seed": seed,
            "schedule": schedule,
            "embed_recipe": False,
        }
        self._submit(CHAIN, seed, params)

    def _submit(self, kind: str, variant: int, params: dict[str, Any]) -> Submission:
        name = f"{kind} {len(self._diary.submissions)}"
        which = variant % len(PICTURES)
        pictures = {"content": picture(which), "style": picture(which + 100)}
        began, at = time.monotonic(), time.time()
        status, said = self._person.submit(name, json.dumps(params), pictures)
        sent = Submission(
            name=name,
            kind=kind,
            variant=variant,
            params=params,
            job_id=said["id"] if status == ACCEPTED else None,
            is_unknown=status != ACCEPTED,
            at=at,
            seconds=time.monotonic() - began,
        )
        self._diary.submissions.append(sent)
        return sent
