"""The API process, and how a person talks to it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
_READY_SECONDS = 30.0
_PATIENCE_SECONDS = 30.0
_TRIES = 4
_PAUSE_SECONDS = 1.0
_UNSURE, _IN_PROGRESS = 500, 409


class ApiProcess:
    """One `api.serve`, on a port of its own that it keeps over restarts."""

    def __init__(self, environment: Mapping[str, str], home: Path) -> None:
        self._home, self.port = home, _free_port()
        named = {"IMPASTO_PORT": str(self.port), "IMPASTO_HOST": "127.0.0.1"}
        self._environment = {**os.environ, **environment, **named}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of the process that was started last."""
        return 0 if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it, without waiting."""
        with (self._home / "api.log").open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "api.serve"],
                cwd=ROOT,
                env=self._environment,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )

    def restart_if_exited(self) -> None:
        """Start it again if it has ended."""
        if self._process is not None and self._process.poll() is not None:
            self.start()

    def wait_ready(self) -> None:
        """Wait until it answers.

        Raises:
            TimeoutError: It does not.
        """
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                httpx.get(f"{self.url}/livez", timeout=2)
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise TimeoutError("the API does not start") from None
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """End it, its own worker process with it."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def stop(self) -> int | None:
        """Tell it to end; the exit code, None if it had to be killed."""
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            return self._process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()
            return None


class ApiClient:
    """Somebody who sends jobs and verbs to a farm, and hears the answer or does not."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=_PATIENCE_SECONDS)

    def submit(
        self, name: str, params: str, pictures: Mapping[str, bytes]
    ) -> tuple[int | None, dict[str, Any]]:
        """Send a job, and the same again while no answer comes, or none that is one.

        The status is None where there was none to the last.
        """
        form = {"params": params, "name": name}
        key = {"Idempotency-Key": uuid.uuid4().hex}
        for _ in range(_TRIES):
            status, said = self._send(
                "/v1/jobs", files=pictures, data=form, headers=key
            )
            if status is not None and status < _UNSURE and status != _IN_PROGRESS:
                break
            time.sleep(_PAUSE_SECONDS)
        return status, said

    def request_action(self, job_id: str, verb: str) -> int | None:
        """Ask a verb of a job; returns the status."""
        return self._send(f"/v1/jobs/{job_id}/{verb}")[0]

    def steer(self, job_id: str, style_weight: float) -> int | None:
        """Change the style weight of a job, at whatever revision it is."""
        body, any_revision = {"style_weight": style_weight}, {"If-Match": "*"}
        try:
            answer = self._client.patch(
                f"/v1/jobs/{job_id}", json=body, headers=any_revision
            )
        except httpx.TransportError:
            return None
        return answer.status_code

    def state(self, job_id: str) -> str | None:
        """Look at a job; None: the API does not tell."""
        try:
            said = self._client.get(f"/v1/jobs/{job_id}").json()
        except httpx.TransportError:
            return None
        state: str | None = said.get("state")
        return state

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _send(self, path: str, **what: Any) -> tuple[int | None, dict[str, Any]]:
        try:
            answer = self._client.post(path, **what)
        except httpx.TransportError:
            return None, {}
        return answer.status_code, answer.json()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
