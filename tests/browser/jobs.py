"""Jobs for the tests of the page: submitted over the API, painted by a simulated worker.

It writes what a worker would write, when a test says so, with pictures that cost
nothing. So no test waits for one to paint, nor depends on how fast it does.
"""

from __future__ import annotations

import hashlib
import io
import json
import socket
import threading
import time
from contextlib import contextmanager
from uuid import uuid4

import httpx2
from PIL import Image

from shared.db.database import Database
from shared.errors import Diverged
from shared.jobs.checkpoints import (
    NewFrame,
    add_frame,
    record_checkpoint,
    store_loss_history,
)
from shared.jobs.claim import Device, claim_job
from shared.jobs.lease import (
    JobResult,
    WrittenBlob,
    complete_job,
    fail_job,
    renew_lease,
    stop_job,
)
from shared.jobs.steering import begin_segments
from shared.states import Completion, JobState
from shared.storage import open_storage
from shared.workers.pace_table import (
    PaceMeasurement,
    method_of,
    record_paces,
    scale_megapixels,
)
from shared.workers.registry import (
    Registration,
    deregister_worker,
    heartbeat_worker,
    register_worker,
)
from tests.support.farm import ROOT, picture
from tests.support.processes import wait_until

CONTENT, STYLE = ROOT / "samples" / "chelsea.jpg", ROOT / "samples" / "strokes.jpg"
CONTENT_SIZE = (451, 300)
NAME = "Cat in the style of Strokes"
PARAMS = {"max_edge": 96, "schedule": [[64, 2000], [96, 2000]]}
SEEN = 3  # iterations done when a test meets a job that is being painted
LEASE_SECONDS, HEARTBEAT_SECONDS = 3600, 5
PACE = 2.0  # seconds per megapixel-iteration
DEVICE = Device("wkr_simulated", "cpu", 10**12)
SETUP = "cpu, simulated"


@contextmanager
def registered_worker(database_url):
    """Keep the simulated worker alive in the registry."""
    db, ended = Database(database_url), threading.Event()
    register_worker(
        db,
        Registration(
            DEVICE.worker_id,
            socket.gethostname(),
            "simulated",
            DEVICE.device_class,
            "A processor",
            DEVICE.bytes,
            {},
            setup=SETUP,
        ),
    )

    def live():
        while not ended.wait(HEARTBEAT_SECONDS):
            heartbeat_worker(db, DEVICE.worker_id, None)

    heart = threading.Thread(target=live)
    heart.start()
    yield
    ended.set()
    heart.join()
    deregister_worker(db, DEVICE.worker_id)
    db.close()


class Jobs:
    """Jobs of one test, deleted when it ends, and the worker that paints them."""

    def __init__(self, url, settings, key=None):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.client = httpx2.Client(base_url=url, headers=headers, timeout=60)
        self._db = Database(settings.database_url)
        self._storage = open_storage(settings.storage_url)
        self._claims, self._progress, self._losses = {}, {}, {}

    def submit(self, **params):
        files = [
            ("content", (CONTENT.name, CONTENT.read_bytes())),
            ("style", (STYLE.name, STYLE.read_bytes())),
        ]
        form = {"params": json.dumps(PARAMS | params), "name": NAME}
        response = self.client.post("/v1/jobs", files=files, data=form)
        assert response.status_code == 202, response.text
        return response.json()["id"]

    def all(self):
        return self.client.get("/v1/jobs?limit=100").json()["data"]

    def get(self, job_id):
        return self.client.get(f"/v1/jobs/{job_id}").json()

    def delete(self, job_id):
        assert self.client.delete(f"/v1/jobs/{job_id}").is_success

    def claim(self, job_id):
        """Let the worker take the job, which must be the first in the queue."""
        claim = claim_job(self._db, DEVICE, uuid4().hex, LEASE_SECONDS)
        assert claim is not None
        assert claim.job_id == job_id
        self._claims[job_id] = claim

    def report(self, job_id, iteration):
        """Let it have painted up to an iteration, of which there is no preview yet."""
        claim, done = self._claims[job_id], iteration
        stages = claim.params.stages
        scale = 0
        while done > stages[scale][1]:
            done -= stages[scale][1]
            scale += 1
        width, height = CONTENT_SIZE
        edge = stages[scale][0]
        sizes = scale_megapixels(stages, width, height)
        loss = 1000 / iteration
        self._losses.setdefault(job_id, []).append(
            [iteration, scale, loss, loss / 2, loss / 2, 0.0]
        )
        self._progress[job_id] = {
            "phase": "optimizing",
            "iteration": iteration,
            "scale": scale,
            "scale_iteration": done,
            "width": edge,
            "height": round(edge * height / width),
            "losses": {"total": loss, "content": loss / 2, "style": loss / 2, "tv": 0},
            "seconds_per_mpx_iteration": PACE,
            "iteration_seconds": [PACE * size for size in sizes],
            "deviation": 0.1,
            "elapsed_seconds": 12.5,
            "updated_at": time.time(),
        }
        self._renew(job_id)

    def paint(self, job_id, iteration):
        """Let it paint up to an iteration, with a preview of that."""
        self.report(job_id, iteration)
        self._preview(job_id)

    def painting(self, **params):
        """A job that is being painted and has a preview."""
        job_id = self.submit(**params)
        self.claim(job_id)
        self.paint(job_id, SEEN)
        return job_id

    def painted(self, **params):
        job_id = self.painting(**params)
        self.complete(job_id)
        return job_id

    def obey(self, job_id):
        """Let the worker do what is asked of the job, as soon as something is."""
        reply = wait_until(lambda: self._asked(job_id))
        claim, progress = self._claims[job_id], self._progress[job_id]
        if reply.state != JobState.RUNNING:
            self._checkpoint(job_id)
            self._preview(job_id)
            stop_job(self._db, self._claims.pop(job_id))
        elif reply.finish_requested:
            self._end(job_id, Completion.EARLY)
        else:
            begin_segments(self._db, claim, progress["iteration"])

    def complete(self, job_id):
        """Let it paint all iterations that are left."""
        claim = self._claims[job_id]
        self.paint(job_id, sum(count for _, count in claim.params.stages))
        sizes = scale_megapixels(claim.params.stages, *CONTENT_SIZE)
        method = method_of(claim.kind, claim.params.model_dump(mode="json"))
        paces = [PaceMeasurement(size, PACE) for size in sizes]
        record_paces(self._db, SETUP, method, paces)
        self._end(job_id, Completion.FULL)

    def fail(self, job_id):
        failure = Diverged("no finite loss", hint="lower the style weight")
        failure.retryable = False
        fail_job(self._db, self._claims.pop(job_id), failure, 1)

    def close(self):
        """Delete all jobs, those that the page made, too."""
        for job in self.all():
            if job["finished_at"] is None:
                self.client.post(f"/v1/jobs/{job['id']}/cancel")
                if job["id"] in self._claims:
                    stop_job(self._db, self._claims[job["id"]])
            self.delete(job["id"])
        self.client.close()
        self._db.close()

    def _renew(self, job_id):
        progress, claim = self._progress[job_id], self._claims[job_id]
        return renew_lease(
            self._db, claim, LEASE_SECONDS, progress["iteration"], progress
        )

    def _asked(self, job_id):
        reply = self._renew(job_id)
        is_asked = reply.finish_requested or reply.has_pending_segments
        return reply if is_asked or reply.state != JobState.RUNNING else None

    def _preview(self, job_id):
        claim, progress = self._claims[job_id], self._progress[job_id]
        store_loss_history(self._db, claim, self._losses[job_id])
        iteration = progress["iteration"]
        blob = self._store(claim, f"frame-{iteration}.jpg", self._draw(job_id, "JPEG"))
        place = (progress["scale"], progress["width"], progress["height"])
        frame = NewFrame(iteration, *place, progress["losses"], blob.key, blob.key)
        add_frame(self._db, claim, frame)

    def _draw(self, job_id, kind):
        """A picture of the present size, another one for each iteration."""
        progress, drawn = self._progress[job_id], io.BytesIO()
        size = (progress["width"], progress["height"])
        Image.open(io.BytesIO(picture(progress["iteration"], size))).save(drawn, kind)
        return drawn.getvalue()

    def _checkpoint(self, job_id):
        claim, iteration = self._claims[job_id], self._progress[job_id]["iteration"]
        blob = self._store(claim, f"checkpoint-{iteration}", b"a snapshot")
        record_checkpoint(self._db, claim, iteration, blob, 1)

    def _store(self, claim, name, data):
        key = f"{claim.job_id}/{claim.key_stem}-{name}"
        self._storage.put(key, data)
        return WrittenBlob(key, hashlib.sha256(data).hexdigest(), len(data))

    def _end(self, job_id, completion):
        self._checkpoint(job_id)
        claim, progress = self._claims.pop(job_id), self._progress[job_id]
        blob = self._store(claim, "result.png", self._draw(job_id, "PNG"))
        result = JobResult(
            blob,
            progress["width"],
            progress["height"],
            exact=True,
            iterations=progress["iteration"],
            completion=completion,
            progress=progress,
        )
        complete_job(self._db, claim, result)
