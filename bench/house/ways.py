"""Traces of one submission, one small run, one poll and one cancellation.

All of them run in this process, twice, each time on a new farm. Only the second time is
traced, so that imports and other work that a process does once are not counted.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING, Any

from api.app import create_app
from bench.house.trace import ROOT, Trace
from shared.db.database import Database
from shared.db.migrate import migrate
from shared.queue import Notifier
from shared.settings import Settings
from shared.storage import open_storage
from worker.app import open_context
from worker.devices.device import select_device
from worker.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskClient

_SMALL = {"max_edge": 64, "schedule": [[48, 6], [64, 8]]}
_LONG = {"max_edge": 256}  # takes minutes, so that it can be canceled
_PICTURES = {"content": "chelsea.jpg", "style": "waves.jpg"}
_POLL_SECONDS = 0.05


def trace_ways() -> dict[str, Trace]:
    """Return the functions that each kind of request calls, by its name."""
    with _farm() as (client, runner):
        _take_ways(client, runner)
    with _farm() as (client, runner):
        return _take_ways(client, runner)


@contextmanager
def _farm() -> Iterator[tuple[FlaskClient, Runner]]:
    """Open an API and a worker, without Redis, in a temporary folder."""
    with TemporaryDirectory() as folder, ExitStack() as closing:
        settings = Settings(
            home=Path(folder),
            database_url=f"sqlite:///{folder}/impasto.sqlite",
            redis_url="redis://127.0.0.1:1/0",
            storage_url=f"file://{folder}/blobs",
            secret_file=Path(folder) / "secret",
            auth="none",
            cpu_precision="float32",  # the same on every processor
            worker_threads=1,
        )
        migrate(settings.database_url)
        database, notifier = Database(settings.database_url), Notifier(settings)
        closing.callback(database.close)
        closing.callback(notifier.close)
        storage = open_storage(settings.storage_url)
        tools = open_context(settings, select_device("cpu"))
        closing.callback(tools.db.close)
        app = create_app(settings, database, storage, notifier)
        yield app.test_client(), Runner(tools)


def _take_ways(client: FlaskClient, runner: Runner) -> dict[str, Trace]:
    with Trace() as submission:
        address = _submit(client, _SMALL)
    with Trace() as run:
        runner.run_one()
    _require(client, address, "succeeded")

    address = _submit(client, _LONG)
    working = Thread(target=runner.run_one)
    working.start()
    try:
        poll = _poll(client, address, working)
    finally:
        with Trace() as cancellation:
            client.post(f"{address}/cancel")
        working.join()
    _require(client, address, "canceled")
    return {
        "submission": submission,
        "run": run,
        "poll": poll,
        "cancellation": cancellation,
    }


def _submit(client: FlaskClient, params: dict[str, Any]) -> str:
    """Post two pictures as a form; return the job's URL."""
    with ExitStack() as opened:
        pictures = {
            field: (opened.enter_context((ROOT / "samples" / name).open("rb")), name)
            for field, name in _PICTURES.items()
        }
        form = {**pictures, "params": json.dumps(params)}
        submitted = client.post("/v1/jobs", data=form)
    if submitted.status_code != 202:  # noqa: PLR2004 - accepted
        raise RuntimeError(f"the job was not accepted: {submitted.text}")
    return str(json.loads(submitted.data)["urls"]["self"])


def _poll(client: FlaskClient, address: str, working: Thread) -> Trace:
    """Trace the first poll that finds the job at its second or a later iteration.

    No cache has this progress yet, and the preview of the first iteration exists.
    """
    while working.is_alive():
        with Trace() as trace:
            polled = client.get(address)
        job = json.loads(polled.data)
        progress = job["progress"] or {}  # none before the first heartbeat
        if job["state"] == "running" and progress.get("iteration", 0) > 1:
            return trace
        time.sleep(_POLL_SECONDS)
    raise RuntimeError(f"the long job ended by itself: {client.get(address).text}")


def _require(client: FlaskClient, address: str, state: str) -> None:
    job = client.get(address)
    if json.loads(job.data)["state"] != state:
        raise RuntimeError(f"the job should be {state}: {job.text}")
