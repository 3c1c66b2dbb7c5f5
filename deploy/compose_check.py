"""Run docker-compose.yml for real: `make compose-check`.

Builds the images, starts a farm of its own beside whatever else runs, kills the worker
in the middle of a job, goes on with two, and wants the picture of the same job, gone on
with from a checkpoint. Prints each step with its seconds. All of it is taken down again
but for the images, which make the next build short.
"""

from __future__ import annotations

import secrets
import socket
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.compose import ROOT, Compose, ComposeFailed
from deploy.resume_checks import (
    Disappointed,
    describe_picture,
    newest_checkpoint,
    resumed_at,
    worker_of,
)
from deploy.steps import say, step
from impasto.cli.signals import raise_on_stop_signals
from impasto.client.client import Client
from impasto.errors import ImpastoError, raise_for_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from impasto.client.models import Job
    from impasto.client.params import JobOptions, StyleParams

CONTENT = ROOT / "samples" / "chelsea.jpg"
STYLE = ROOT / "samples" / "strokes.jpg"
EDGE_PX = 256
# Twenty seconds on two cores: long enough to be interrupted, short enough to wait for.
PARAMS: StyleParams = {"schedule": [(EDGE_PX, 200)], "max_edge": EDGE_PX}
KEEP_EVERY = 20  # iterations between two checkpoints, so that one comes soon
# The seconds are until all services are healthy; the weights come in this time.
UP = ("up", "-d", "--wait", "--wait-timeout", "600")
WORKERS = 2
JOB_SECONDS = 900.0
LOOK_SECONDS = 0.2


def main() -> int:
    """Run all steps and take everything down; 0 if all went well."""
    port = _free_port()
    variables = {
        "IMPASTO_POSTGRES_PASSWORD": secrets.token_hex(16),
        "IMPASTO_REDIS_PASSWORD": secrets.token_hex(16),
        "IMPASTO_PORT": str(port),
        "IMPASTO_TAG": "check",
    }
    project = f"impasto-check-{secrets.token_hex(3)}"
    try:
        compose = Compose(project, variables)
        say(f"project {project}, port {port}, {compose.run('version').strip()}")
        with raise_on_stop_signals(), _taken_down(compose):
            _run(compose, f"http://127.0.0.1:{port}")
    except (ComposeFailed, ImpastoError, Disappointed) as error:
        sys.stderr.write(getattr(error, "said", ""))
        say(f"compose-check: FAILED: {error}")
        return 1
    except KeyboardInterrupt:
        say("compose-check: FAILED: interrupted")
        return 1
    say("compose-check: ok")
    return 0


def _run(compose: Compose, url: str) -> None:
    with step("build"):
        compose.run("build")
    with step("up --wait"):
        compose.run(*UP)
    with step("make a key") as note:
        create = ("impasto", "keys", "create", "--name", "check", "--admin")
        key = compose.run("exec", "-T", "api", *create).strip()
        note(f"{len(key)} characters")
    with Client(url, key) as client:
        job = _interrupted(compose, client)
        with step(f"up --scale worker={WORKERS}") as note:
            # What runs stays as it is, also where compose thinks that it is outdated.
            compose.run(*UP, "--no-recreate", "--scale", f"worker={WORKERS}")
            note(f"{_running_workers(compose)} workers run")
        _received(compose, client, job)


def _interrupted(compose: Compose, client: Client) -> Job:
    """Submit a job and kill its worker; return the job as of its first checkpoint."""
    with step("submit") as note:
        options: JobOptions = {"keep_every": KEEP_EVERY}
        job = client.jobs.submit(CONTENT, [STYLE], params=PARAMS, options=options)
        note(job.id)
    with step("wait for a checkpoint") as note:
        job = _seen(client, job.id, lambda job: bool(job.checkpoints))
        note(f"iteration {newest_checkpoint(job)}, {worker_of(job)}")
    with step("kill worker") as note:
        compose.run("kill", "worker")
        killed = client.jobs.get(job.id)
        if killed.is_over:
            raise Disappointed(f"the job {killed.state} before its worker was killed")
        note(f"the job is {killed.state}")
    return job


def _received(compose: Compose, client: Client, before: Job) -> None:
    """See that another worker goes on with the job, and get its picture."""
    with step("wait for another worker") as note:
        others = {None, worker_of(before)}
        job = _seen(
            client,
            before.id,
            lambda job: worker_of(job) not in others or job.is_over,
        )
        note(worker_of(job) or f"it is through: {job.state}")
    with step("wait for the end") as note:
        job = client.jobs.wait(before.id, timeout_seconds=JOB_SECONDS)
        raise_for_state(job)
        note(f"{job.state}, exact: {job.exact}")
    with step("look where it went on") as note:
        logs = compose.run("logs", "--no-color", "--no-log-prefix", "worker")
        note(f"at iteration {resumed_at(logs, before)}")
    if not job.exact:
        raise Disappointed(f"the picture is not exact: {job.exact_reason}")
    with step("download") as note:
        note(_picture(client, job))


def _seen(client: Client, job_id: str, wanted: Callable[[Job], bool]) -> Job:
    """Look at a job until it is as wanted; return it as it was then."""
    deadline = time.monotonic() + JOB_SECONDS
    while not wanted(job := client.jobs.get(job_id)):
        if job.is_over or time.monotonic() > deadline:
            raise Disappointed(f"that was not seen, and the job is {job.state}")
        time.sleep(LOOK_SECONDS)
    return job


def _running_workers(compose: Compose) -> int:
    running = compose.run("ps", "-q", "--status", "running", "worker").split()
    if len(running) != WORKERS:
        raise Disappointed(f"{len(running)} workers run, not {WORKERS}")
    return len(running)


def _picture(client: Client, job: Job) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = client.jobs.download(job.id, Path(folder) / "result.png")
        return describe_picture(path, EDGE_PX)


@contextmanager
def _taken_down(compose: Compose) -> Iterator[None]:
    """Remove containers, network and volumes at the end; on failure, logs first."""
    try:
        yield
    except BaseException:
        _tell_logs(compose)
        with suppress(ComposeFailed):  # the first failure is the one to tell
            _take_down(compose)
        raise
    _take_down(compose)


def _take_down(compose: Compose) -> None:
    with step("down -v"):
        compose.run("down", "-v", "--remove-orphans")


def _tell_logs(compose: Compose) -> None:
    try:
        sys.stderr.write(compose.run("logs", "--no-color", "--tail", "30"))
    except ComposeFailed as error:
        sys.stderr.write(f"no logs: {error}\n")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main())
