"""Jobs for the tests of the page, submitted over the API, and a simulated worker.

It writes what a worker would write, when a test says so, with pictures that cost
nothing. So no test waits for one to paint, nor depends on how fast it does.
"""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from contextlib import contextmanager
from uuid import uuid4

import httpx2

from shared.db.database import Database
from shared.errors import Diverged
from shared.jobs import checkpoints, lease
from shared.jobs.claim import Device, claim_job
from shared.jobs.steering import begin_segments
from shared.params.style import StyleParams
from shared.states import Completion, JobState
from shared.storage import open_storage
from shared.workers import registry
from shared.workers.pace_table import PaceMeasurement, method_of, record_paces
from tests.support.farm import picture
from tests.support.processes import wait_until

PHOTO_PX = (60, 90)  # another shape than the page has before it knows one
NAME = "Cat in the style of Strokes"
PARAMS = {"max_edge": 96, "schedule": [[64, 2000], [96, 2000]]}
SEEN = 3  # iterations done when a test meets a job that is being painted
LEASE_SECONDS, HEARTBEAT_SECONDS = 3600, 5
PACE = 2.0  # seconds per megapixel-iteration
DEVICE = Device("wkr_simulated", "cpu", 10**12)
SETUP = "cpu, simulated"


@contextmanager
def registered_worker(database_url):
    """Keep the simulated worker alive in the registry, with a pace for estimates."""
    db, ended = Database(database_url), threading.Event()
    place = (socket.gethostname(), "simulated", DEVICE.device_class, "A processor")
    named = (DEVICE.worker_id, *place, DEVICE.bytes, {})
    registry.register_worker(db, registry.Registration(*named, setup=SETUP))
    method = method_of("style", StyleParams().model_dump(mode="json"))
    record_paces(db, SETUP, method, [PaceMeasurement(0.1, PACE)])

    def live():
        while not ended.wait(HEARTBEAT_SECONDS):
            registry.heartbeat_worker(db, DEVICE.worker_id, None)

    heart = threading.Thread(target=live)
    heart.start()
    try:
        yield
    finally:
        ended.set()
        heart.join()
        db.close()


class Jobs:
    """Jobs of one test, deleted when it ends, and the worker that paints them."""

    def __init__(self, url, settings, key=None):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.client = httpx2.Client(base_url=url, headers=headers, timeout=60)
        self._db = Database(settings.database_url)
        self._storage = open_storage(settings.storage_url)
        self._claims = {}
        self._reports = {}  # of progress, by job

    def submit(self, **params):
        files = [
            ("content", ("cat.png", picture(1, PHOTO_PX))),
            ("style", ("strokes.png", picture(2))),
        ]
        form = {"params": json.dumps(PARAMS | params), "name": NAME}
        response = self.client.post("/v1/jobs", files=files, data=form)
        assert response.status_code == 202, response.text
        return response.json()["id"]

    def all(self):
        return self.client.get("/v1/jobs?limit=100").json()["data"]

    def get(self, job_id):
        return self.client.get(f"/v1/jobs/{job_id}").json()

    def act(self, job_id, action):
        assert self.client.post(f"/v1/jobs/{job_id}/{action}").is_success

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
        stages = self._claims[job_id].params.stages
        is_larger = iteration > stages[0][1]
        height = stages[is_larger][0]
        width = round(height * PHOTO_PX[0] / PHOTO_PX[1])
        done = iteration - is_larger * stages[0][1]
        losses = {"total": 1000 / iteration, "content": 1.0, "style": 1.0, "tv": 0.0}
        report = {
            "phase": "optimizing", "iteration": iteration, "scale": int(is_larger),
            "scale_iteration": done, "width": width, "height": height,
            "losses": losses, "seconds_per_mpx_iteration": PACE, "deviation": 0.1,
            "iteration_seconds": [0.01] * len(stages), "elapsed_seconds": 12.5,
            "updated_at": time.time(),
        }  # fmt: skip
        self._reports.setdefault(job_id, []).append(report)
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

    def painted(self):
        job_id = self.painting()
        self.complete(job_id)
        return job_id

    def obey(self, job_id):
        """Let the worker do what is asked of the job, as soon as something is."""
        reply = wait_until(lambda: self._asked(job_id))
        if reply.state != JobState.RUNNING:
            self._checkpoint(job_id)
            self._preview(job_id)
            lease.stop_job(self._db, self._claims.pop(job_id))
        elif reply.finish_requested:
            self._end(job_id, Completion.EARLY)
        else:
            iteration = self._reports[job_id][-1]["iteration"]
            begin_segments(self._db, self._claims[job_id], iteration)

    def complete(self, job_id):
        """Let it paint all iterations that are left."""
        stages = self._claims[job_id].params.stages
        self.paint(job_id, sum(count for _, count in stages))
        self._end(job_id, Completion.FULL)

    def fail(self, job_id):
        failure = Diverged("no finite loss", hint="lower the style weight")
        failure.retryable = False
        lease.fail_job(self._db, self._claims.pop(job_id), failure, 1)

    def close(self):
        """Delete all jobs, those that the page made, too."""
        for job in self.all():
            if job["finished_at"] is None:
                self.act(job["id"], "cancel")
                if job["id"] in self._claims:
                    lease.stop_job(self._db, self._claims[job["id"]])
            self.delete(job["id"])
        self.client.close()
        self._db.close()

    def _renew(self, job_id):
        claim, report = self._claims[job_id], self._reports[job_id][-1]
        return lease.renew_lease(
            self._db, claim, LEASE_SECONDS, report["iteration"], report
        )

    def _asked(self, job_id):
        reply = self._renew(job_id)
        is_asked = reply.finish_requested or reply.has_pending_segments
        return reply if is_asked or reply.state != JobState.RUNNING else None

    def _preview(self, job_id):
        claim, reports = self._claims[job_id], self._reports[job_id]
        points = [
            [each["iteration"], each["scale"], *each["losses"].values()]
            for each in reports
        ]
        checkpoints.store_loss_history(self._db, claim, points)
        last, blob = reports[-1], self._store_picture(job_id, "frame")
        names = ("iteration", "scale", "width", "height", "losses")
        frame = [last[name] for name in names]
        new_frame = checkpoints.NewFrame(*frame, blob.key, blob.key)
        checkpoints.add_frame(self._db, claim, new_frame)

    def _store_picture(self, job_id, kind):
        """Store another picture for each iteration, of its size."""
        last = self._reports[job_id][-1]
        data = picture(last["iteration"], (last["width"], last["height"]))
        return self._store(job_id, f"{kind}-{last['iteration']}.png", data)

    def _store(self, job_id, name, data):
        key = f"{job_id}/{self._claims[job_id].key_stem}-{name}"
        self._storage.put(key, data)
        return lease.WrittenBlob(key, hashlib.sha256(data).hexdigest(), len(data))

    def _checkpoint(self, job_id):
        claim, iteration = self._claims[job_id], self._reports[job_id][-1]["iteration"]
        blob = self._store(job_id, f"checkpoint-{iteration}", b"a snapshot")
        checkpoints.record_checkpoint(self._db, claim, iteration, blob, 1)

    def _end(self, job_id, completion):
        self._checkpoint(job_id)
        blob, last = self._store_picture(job_id, "result"), self._reports[job_id][-1]
        result = lease.JobResult(
            *(blob, last["width"], last["height"]),
            exact=True,
            iterations=last["iteration"],
            completion=completion,
            progress=last,
        )
        lease.complete_job(self._db, self._claims.pop(job_id), result)
