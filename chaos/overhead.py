"""`python -m chaos.overhead`: measure what reliability costs an undisturbed job.

One job runs on a farm with the default settings. The cost is all wall time of the
attempt for claim, checkpoints, directives and completion, without the engine and
without reading, encoding and writing pictures. To this it adds all CPU time of the
worker's other threads: heartbeats, maintenance, registration, watchdog, Celery.
Previews, and the CPU time of the API with one poll a second, are printed separately.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import httpx2
import psutil

from chaos import leave_on_sigterm
from chaos.farm.api_process import ApiClient, ApiProcess
from chaos.farm.infrastructure import prepare_environment
from chaos.farm.worker_processes import ROOT
from chaos.workers.measured_worker import CHECKPOINTS, NEEDED, PREVIEWS
from tests.support.farm import picture

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BOUND = 0.01
_POLL_SECONDS = 1.0
_SIZE = (768, 512)  # width and height of the uploaded pictures, px


def main() -> int:
    """Print the figures; return 1 if the cost exceeds the bound."""
    parser = argparse.ArgumentParser(prog="chaos.overhead", description=__doc__)
    parser.add_argument("--max-edge", type=int, default=512)
    parser.add_argument("--database", default="sqlite")
    options = parser.parse_args()
    leave_on_sigterm()
    seconds = measure(options.database, {"max_edge": options.max_edge})
    sys.stdout.write(f"the job: {seconds['job']:.1f} s\n")
    for name in ("attempt", CHECKPOINTS, "other threads", PREVIEWS, "API"):
        share = 100 * seconds[name] / seconds[NEEDED]
        sys.stdout.write(f"{name}: {seconds[name]:.3f} s, {share:.2f} %\n")
    cost = (seconds["attempt"] + seconds["other threads"]) / seconds[NEEDED]
    sys.stdout.write(f"cost: {100 * cost:.2f} %\n")
    return 1 if cost > BOUND else 0


def measure(database: str, params: Mapping[str, Any]) -> dict[str, float]:
    """Run one job, and return its times and costs by name, in seconds."""
    with ExitStack() as undo:
        ground = undo.enter_context(prepare_environment(database))
        measured = ground.home / "measured.json"
        environment = {
            "IMPASTO_HOME": str(ground.home),
            "IMPASTO_DATABASE_URL": ground.database_url,
            "IMPASTO_REDIS_URL": f"redis://127.0.0.1:{ground.proxy.port}/0",
            "IMPASTO_WORKER_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "MEASURED": str(measured),
        }
        server = ApiProcess(environment, ground.home)
        undo.callback(server.stop)
        server.start()
        worker = _start_worker(environment, ground.home)
        undo.callback(worker.wait)
        undo.callback(worker.terminate)
        server.wait_ready()
        asked = _run_job(server, params)
        while not measured.exists():
            time.sleep(_POLL_SECONDS / 10)
        return _shares(json.loads(measured.read_text()), asked)


def _start_worker(
    environment: Mapping[str, str], home: Path
) -> subprocess.Popen[bytes]:
    with (home / "worker.log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "chaos.workers.measured_worker"],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
        )


def _run_job(server: ApiProcess, params: Mapping[str, Any]) -> float:
    """Submit a job and poll it until it ends; return the API's CPU seconds."""
    person = ApiClient(server.url)
    pictures = {"content": picture(1, _SIZE), "style": picture(101, _SIZE)}
    _, job = person.submit("measured", json.dumps(dict(params)), pictures)
    person.close()
    before = _cpu_seconds(server)
    with httpx2.Client(base_url=server.url) as client:
        while job["finished_at"] is None:
            time.sleep(_POLL_SECONDS)
            job = client.get(f"/v1/jobs/{job['id']}").json()
    return _cpu_seconds(server) - before


def _cpu_seconds(server: ApiProcess) -> float:
    parent = psutil.Process(server.pid)
    family = [parent, *parent.children(recursive=True)]
    return sum(sum(each.cpu_times()[:2]) for each in family)


def _shares(figures: Mapping[str, float], api_seconds: float) -> dict[str, float]:
    needed, previews = figures[NEEDED], figures.get(PREVIEWS, 0.0)
    return {
        "job": figures["all"],
        NEEDED: needed,
        "attempt": figures["all"] - needed - previews,  # includes checkpoints
        CHECKPOINTS: figures[CHECKPOINTS],
        "other threads": figures["other threads"],
        PREVIEWS: previews,
        "API": api_seconds,
    }


if __name__ == "__main__":
    sys.exit(main())
