"""Jobs for the tests of the page: submitted, watched and ended over the API."""

from __future__ import annotations

import json
import time

import httpx2

from tests.acceptance.farm import CONTENT, STYLE
from tests.support.processes import wait_until

NAME = "Cat in the style of Strokes"
SHORT = {"max_edge": 64, "schedule": [[48, 4], [64, 6]]}
# Sizes that a processor paints fast, and more iterations than a test waits for.
LONG = {"max_edge": 96, "schedule": [[64, 2000], [96, 2000]]}


class Jobs:
    """Jobs of one test; those that have not ended are canceled with it."""

    def __init__(self, url, key=None):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.client = httpx2.Client(base_url=url, headers=headers, timeout=60)
        self._ids = []

    def submit(self, name=NAME, max_attempts=4, **params):
        files = [
            ("content", (CONTENT.name, CONTENT.read_bytes())),
            ("style", (STYLE.name, STYLE.read_bytes())),
        ]
        params = json.dumps(params)
        form = {"params": params, "name": name, "max_attempts": str(max_attempts)}
        response = self.client.post("/v1/jobs", files=files, data=form)
        assert response.status_code == 202, response.text
        self._ids.append(response.json()["id"])
        return self._ids[-1]

    def get(self, job_id):
        return self.client.get(f"/v1/jobs/{job_id}").json()

    def act(self, job_id, action):
        response = self.client.post(f"/v1/jobs/{job_id}/{action}")
        assert response.is_success, response.text

    def delete(self, job_id):
        response = self.client.delete(f"/v1/jobs/{job_id}")
        assert response.is_success, response.text
        self._ids.remove(job_id)

    def until(self, job_id, reached):
        def found():
            time.sleep(0.2)  # the browser and the worker need the processor, too
            return job if reached(job := self.get(job_id)) else None

        return wait_until(found, lambda: str(self.get(job_id)))

    def until_state(self, job_id, state):
        return self.until(job_id, lambda job: job["state"] == state)

    def until_painted(self, job_id, iteration=3):
        """Wait until it is being painted and has a preview."""
        return self.until(
            job_id,
            lambda job: job["preview"] and job["progress"]["iteration"] >= iteration,
        )

    def painted(self, **params):
        return self.until_state(self.submit(**SHORT | params), "succeeded")["id"]

    def failed(self, farm):
        """A job whose photo is gone from the storage before a worker reads it."""
        holder = self.submit(**LONG)
        self.until_painted(holder)
        job_id = self.submit(**SHORT, seed=7, max_attempts=1)
        self.act(job_id, "pause")
        content = self.get(job_id)["params"]["content"]["asset_id"]
        digest = self.client.get(f"/v1/assets/{content}").json()["sha256"]
        (blob,) = [
            path
            for path in (farm.home / "blobs").rglob("*")
            if path.is_file() and digest in str(path)
        ]
        data = blob.read_bytes()
        blob.unlink()
        try:
            self.act(job_id, "resume")
            self.act(holder, "cancel")
            self.until_state(job_id, "failed")
        finally:
            blob.write_bytes(data)
        return job_id

    def close(self):
        for job_id in self._ids:
            if self.get(job_id)["finished_at"] is None:
                self.client.post(f"/v1/jobs/{job_id}/cancel")
        for job_id in self._ids:
            self.until(job_id, lambda job: job["finished_at"])
        self.client.close()
