"""A small farm for tests: real worker processes on a real Redis and database."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from PIL import Image

from shared.assets import NewAsset, add_asset
from shared.auth.api_keys import ensure_owner
from shared.db.database import Database
from shared.jobs.submit import (
    LOCAL_OWNER_ID,
    NewJob,
    NewJobInput,
    SubmissionLimits,
    submit_job,
)
from shared.params.explore import ExploreParams
from shared.params.style import StyleParams
from shared.queries.details import load_details
from shared.queries.jobs import get_job
from shared.queue import Notifier
from shared.settings import Settings
from shared.storage import open_storage
from tests.support.forked_process import ForkedProcess, run_module
from tests.support.processes import PATIENCE_SECONDS, wait_until

OWNER = LOCAL_OWNER_ID
ROOT = Path(__file__).parents[2]
EXPLORED = (160, 120)  # px; large enough that an exploration takes some seconds

# Lasts five seconds on a worker that `Farm.start_worker` started.
LONG = {"max_edge": 64, "schedule": ((48, 20), (64, 20))}
SHORT = {"max_edge": 64, "schedule": ((64, 5),)}

# As fast as the design allows for tests: three heartbeats fit a lease.
FAST = {
    "lease_seconds": 3,
    "heartbeat_seconds": 0.5,
    "rescue_seconds": 0.5,
    "renotify_seconds": 1,
    "checkpoint_seconds": 0.1,
    "preview_seconds": 0.2,
    "worker_threads": 1,
}


def picture(seed, size=(96, 64)):
    """A PNG of soft colored blobs, different for each seed."""
    name = seed.to_bytes(max(1, (seed.bit_length() + 7) // 8))
    noise = Image.frombytes("RGB", (6, 4), hashlib.shake_256(name).digest(72))
    buffer = io.BytesIO()
    noise.resize(size, Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


class Farm:
    """Submits jobs to the database, starts worker processes, and waits."""

    def __init__(self, home, database_url, redis_url, weights_dir):
        self.settings = Settings(
            home=home,
            database_url=database_url,
            redis_url=redis_url,
            weights_dir=weights_dir,
            **FAST,
        )
        self.db = Database(database_url)
        self.storage = open_storage(self.settings.storage_url)
        self.processes = []
        ensure_owner(self.db, OWNER)

    def environment(self):
        given = self.settings.model_dump(exclude_defaults=True)
        named = {f"IMPASTO_{name.upper()}": str(value) for name, value in given.items()}
        return {**os.environ, **named, "OMP_NUM_THREADS": "1"}

    def start(self, module, *options, **environment):
        with (self.settings.home / "log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *options],
                cwd=ROOT,
                env={**self.environment(), **environment},
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def start_worker(
        self, slot=None, module="tests.support.paced_worker", **environment
    ):
        """Start a worker on a place of its own, as a fleet of many would."""
        number = str(len(self.processes) if slot is None else slot)
        process = ForkedProcess(
            run_module,
            module,
            "--device",
            "cpu",
            "--slot",
            number,
            environment={**self.environment(), **environment},
            out=os.devnull,
            err=self.settings.home / "log",
        )
        self.processes.append(process)
        return process

    def submit(self, *, notify=True, seed=1, content=None, keep_every=None, **params):
        """Submit a job whose pictures follow from `seed`."""
        content = self._asset(content or picture(seed))
        style = self._asset(picture(seed + 100))
        named = StyleParams(**params).with_images(
            {"content": {0: content}, "style": {0: style}}
        )
        inputs = (NewJobInput("content", 0, content), NewJobInput("style", 0, style))
        new = NewJob(OWNER, named, inputs, options={"keep_every": keep_every})
        return self._queue(new, notify)

    def submit_exploration(self, *, notify=True, count=9, **params):
        ids = [self._asset(picture(seed, EXPLORED)) for seed in range(count)]
        named = ExploreParams(**params).with_pictures(ids)
        inputs = tuple(NewJobInput("picture", i, each) for i, each in enumerate(ids))
        return self._queue(NewJob(OWNER, named, inputs), notify)

    def _queue(self, new, notify):
        job_id = submit_job(self.db, new, SubmissionLimits(100, 100, 4)).job_id
        if notify:
            notifier = Notifier(self.settings)
            notifier.notify(job_id, None)
            notifier.close()
        return job_id

    def job(self, job_id):
        return get_job(self.db, OWNER, job_id)

    def wait(self, job_id, reached, patience_seconds=PATIENCE_SECONDS):
        """Poll a job until `reached(job)`; fail with its row and the log if never."""

        def found():
            return job if reached(job := self.job(job_id)) else None

        def explain():
            log = (self.settings.home / "log").read_text()[-4000:]
            return f"{vars(self.job(job_id))}\n{log}"

        return wait_until(found, explain, patience_seconds)

    def wait_end(self, job_id, patience_seconds=PATIENCE_SECONDS):
        return self.wait(
            job_id, lambda job: job.finished_at is not None, patience_seconds
        )

    def resumed_from(self, job_id):
        """Iterations that attempts of this job went on from, as the log tells."""
        lines = (self.settings.home / "log").read_text().splitlines()
        found = [json.loads(line) for line in lines if '"job_resumed"' in line]
        return [line["iteration"] for line in found if line["job_id"] == job_id]

    def result(self, job):
        return self.storage.get(job.result_key)

    def outputs(self, job):
        """The bytes of every file that a job has made, by name."""
        rows = load_details(self.db, [job]).outputs.get(job.id, [])
        return {row.name: self.storage.get(row.key) for row in rows}

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.db.close()

    def _asset(self, data):
        digest = hashlib.sha256(data).hexdigest()
        key = f"assets/{digest}"
        self.storage.put(key, data)
        new = NewAsset(OWNER, digest, key, len(data), "image/png", 96, 64)
        return add_asset(self.db, new)
