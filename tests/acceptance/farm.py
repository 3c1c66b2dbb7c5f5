"""A whole farm as a person starts it: `impasto up`, and the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx2
import psutil

from tests.support.processes import PATIENCE_SECONDS, wait_until

ROOT = Path(__file__).parents[2]
CONTENT, STYLE = ROOT / "samples" / "chelsea.jpg", ROOT / "samples" / "strokes.jpg"

USUAL_UMASK = 0o022  # others may read what a process takes no care of


class Farm:
    """An `impasto up` in a folder of its own."""

    def __init__(self, home, weights_dir):
        named = {
            name: value for name, value in os.environ.items() if "IMPASTO" not in name
        }
        self.environment = {
            **named,
            "IMPASTO_HOME": str(home),
            "IMPASTO_WEIGHTS_DIR": str(weights_dir),
            "IMPASTO_LEASE_SECONDS": "3",
            "IMPASTO_HEARTBEAT_SECONDS": "0.5",
            "IMPASTO_RESCUE_SECONDS": "0.5",
            "IMPASTO_CHECKPOINT_SECONDS": "0.2",
            "IMPASTO_WORKER_THREADS": "1",  # others run beside it
        }
        self.home, self.log, self.process = home, home.with_name("log"), None

    def up(self):
        self.process = self.start("up", "--devices", "cpu")
        wait_until(self._is_ready)

    def _is_ready(self):
        assert self.process.poll() is None, self.log.read_text()
        return (self.home / "stack.json").exists()

    @property
    def url(self):
        return json.loads((self.home / "stack.json").read_text())["url"]

    def start(self, *words):
        with self.log.open("a") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "impasto", *words],
                env=self.environment,
                stdout=out,
                stderr=out,
                start_new_session=True,
                umask=USUAL_UMASK,
            )

    def run(self, *words):
        return subprocess.run(
            [sys.executable, "-m", "impasto", *map(str, words)],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
            umask=USUAL_UMASK,
        )

    def submitted(self, *flags):
        done = self.run("submit", CONTENT, STYLE, *flags)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def show(self, job_id):
        """Ask the server itself, which takes less than a process of ours."""
        return httpx2.get(f"{self.url}/v1/jobs/{job_id}").raise_for_status().json()

    def wait_until_worked_at(self, job_id):
        """Look until the job runs and has a checkpoint to come back to."""

        def found():
            job = self.show(job_id)
            assert job["finished_at"] is None, job
            return job if job["state"] == "running" and job["last_checkpoint"] else None

        return wait_until(found)

    def open_to_others(self):
        """Names of what other users can reach; what just went away counts as shut."""
        found = []
        for path in [self.home, *self.home.rglob("*")]:
            with suppress(FileNotFoundError):
                if path.lstat().st_mode & 0o077:
                    found.append(path.name)
        return found

    def family(self):
        """Every process of the stack."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number):
        """Send a signal to the farm; no process may outlive it."""
        family = self.family()
        assert len(family) >= 4
        self.process.send_signal(number)
        self.process.wait(PATIENCE_SECONDS)
        _gone, alive = psutil.wait_procs(family, PATIENCE_SECONDS)
        assert not alive
