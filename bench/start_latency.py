"""Benchmark of the start of a job on an idle worker: part of `make bench-api`.

Each job is posted over HTTP with a key. An idle worker gets a notification from Redis
and claims it. The time is measured from before the request until the row says
`running`, which a waiting client sees soon after. The next job is posted when this one
has ended.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING

import httpx2

from shared.auth.api_keys import NewKey, issue_key
from shared.db.migrate import migrate
from shared.jobs.submit import LOCAL_OWNER_ID
from shared.states import JobState
from tests.support.api_process import Server, running_api
from tests.support.farm import Farm, picture
from tests.support.redis_and_postgresql import redis_server_path, running_redis
from worker.weights.catalog import default_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

JOBS, GOAL_MS = 40, 100
IDLE_SECONDS = 2.5  # Celery listens again up to two seconds after a task
_SMALL = {"max_edge": 64, "quality": "draft"}
_LOOK_SECONDS = 0.001

Files = list[tuple[str, tuple[str, bytes]]]


@contextmanager
def idle_farm(**worker: str) -> Iterator[tuple[Farm, Server, str]]:
    """Run a server, an idle worker and Redis; also create an API key."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_redis(redis_server_path()) as redis,
    ):
        home = Path(folder)
        url = f"sqlite:///{home / 'impasto.sqlite'}"
        migrate(url)
        farm = Farm(home, url, redis.url, default_folder())
        told = {"auth": "keys", "max_streams_per_owner": 256}
        told |= {"requests_per_minute": 0, "submits_per_minute": 0}
        try:
            with running_api(home, url, **told, redis_url=redis.url) as server:
                new = NewKey(owner_id=LOCAL_OWNER_ID)
                key = issue_key(farm.db, new)[1]
                farm.start_worker(**worker)
                yield farm, server, key
        finally:
            farm.close()


def use_all_cores() -> dict[str, str]:
    """Return environment variables for a worker that uses all cores, as on a farm."""
    cores = str(os.cpu_count() or 1)
    return {"OMP_NUM_THREADS": cores, "IMPASTO_WORKER_THREADS": cores}


def make_pictures(seed: int) -> Files:
    """Return a photo and a painting as parts of a form, different for each seed."""
    photo, painting = picture(seed, (600, 400)), picture(seed + 100, (500, 400))
    return [("content", ("photo.png", photo)), ("style", ("painting.png", painting))]


def submit_job(client: httpx2.Client, files: Files, params: dict[str, object]) -> str:
    """Submit a job; return its URL."""
    made = client.post("/v1/jobs", data={"params": json.dumps(params)}, files=files)
    made.raise_for_status()
    return str(made.json()["urls"]["self"])


def measure(farm: Farm, client: httpx2.Client, seed: int) -> tuple[float, float]:
    """Return the seconds from the request to the response, and until the job runs."""
    files = make_pictures(seed)
    began = time.perf_counter()
    address = submit_job(client, files, {**_SMALL, "seed": seed})
    answered = time.perf_counter() - began
    job_id = address.rpartition("/")[2]
    while farm.job(job_id).state == JobState.QUEUED:
        time.sleep(_LOOK_SECONDS)
    running = time.perf_counter() - began
    while client.get(address).json()["finished_at"] is None:
        time.sleep(0.05)
    time.sleep(IDLE_SECONDS)
    return answered, running


def report(figures: list[tuple[float, float]]) -> None:
    """Print the table of bench/README.md."""
    lines = ["| ms after sending | p50 | p95 | most | goal of p50 |  |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for name, column, goal in (("answered", 0, None), ("running", 1, GOAL_MS)):
        ms = [1000 * pair[column] for pair in figures]
        half = median(ms)
        told = "none | |" if goal is None else f"{goal} | {_format_goal(half, goal)} |"
        spread = f"{quantiles(ms, n=20)[-1]:.0f} | {max(ms):.0f}"
        lines.append(f"| {name} | {half:.0f} | {spread} | {told}")
    sys.stdout.write("\n".join(lines) + "\n")


def _format_goal(value: float, goal: float) -> str:
    return "met" if value < goal else "missed"


def main() -> None:
    """Submit jobs one after the other to an idle farm."""
    with idle_farm() as (farm, server, key):
        bearer = {"Authorization": f"Bearer {key}"}
        with httpx2.Client(base_url=server.url, headers=bearer, timeout=60) as client:
            measure(farm, client, 0)  # the worker is ready after its first job
            report([measure(farm, client, seed) for seed in range(1, JOBS + 1)])


if __name__ == "__main__":
    main()
