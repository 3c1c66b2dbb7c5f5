"""The API processes, and how a person talks to them."""

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

import httpx2

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[2]
_READY_SECONDS = 30.0
_PATIENCE_SECONDS = 30.0
_TRIES = 4
_PAUSE_SECONDS = 1.0
_UNSURE, _IN_PROGRESS = 500, "idempotency-in-progress"


class ApiProcess:
    """One `api.serve`, on a port of its own that it keeps over restarts."""

    def __init__(
        self, environment: Mapping[str, str], home: Path, number: int = 1
    ) -> None:
        self._log, self.port = home / f"api-{number}.log", _free_port()
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
        with self._log.open("a") as log:
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
                httpx2.get(f"{self.url}/livez", timeout=2)
            except httpx2.TransportError:
                if time.monotonic() > deadline:
                    raise TimeoutError("the API does not start") from None
                time.sleep(0.05)
            else:
                return

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it and to its own worker process."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """End it, its own worker process with it."""
        if self._process is not None and self._process.poll() is None:
            self.send(signal.SIGKILL)
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
    """Somebody who sends jobs and verbs to a farm, and hears the answer or does not.

    Args:
        url: API server to talk to.
        others: Servers to turn to, one after the other, where that one does not answer
            what may be sent again.
    """

    def __init__(self, url: str, others: Sequence[str] = ()) -> None:
        self._clients = [
            httpx2.Client(base_url=each, timeout=_PATIENCE_SECONDS)
            for each in (url, *others)
        ]

    def submit(
        self, name: str, params: str, pictures: Mapping[str, bytes]
    ) -> tuple[int | None, dict[str, Any]]:
        """Send a job, and the same again while no answer comes, or none that is one.

        The status is None where there was none to the last.
        """
        form = {"params": params, "name": name}
        answer = self._send_until_answered("/v1/jobs", files=pictures, data=form)
        return answer[:2]

    def request_child(
        self, parent_id: str, relation: str, body: Mapping[str, Any]
    ) -> tuple[int | None, dict[str, Any], bool]:
        """Fork, extend or retry a job, as persistently as `submit` does.

        The third value is whether it had to be sent again: a server that stood still
        may do later what another one refused.
        """
        return self._send_until_answered(f"/v1/jobs/{parent_id}/{relation}", json=body)

    def request_action(self, job_id: str, verb: str) -> int | None:
        """Ask a verb of a job; returns the status."""
        return self._send("POST", f"/v1/jobs/{job_id}/{verb}")[0]

    def steer(self, job_id: str, style_weight: float) -> int | None:
        """Change the style weight of a job, at whatever revision it is."""
        body, any_revision = {"style_weight": style_weight}, {"If-Match": "*"}
        path = f"/v1/jobs/{job_id}"
        return self._send("PATCH", path, json=body, headers=any_revision)[0]

    def state(self, job_id: str) -> str | None:
        """Look at a job; None: the API does not tell."""
        state: str | None = self._send("GET", f"/v1/jobs/{job_id}")[1].get("state")
        return state

    def close(self) -> None:
        """Hang up."""
        for client in self._clients:
            client.close()

    def _send_until_answered(
        self, path: str, **what: Any
    ) -> tuple[int | None, dict[str, Any], bool]:
        key = {"Idempotency-Key": uuid.uuid4().hex}
        for turn in range(_TRIES):
            status, said = self._send("POST", path, turn, headers=key, **what)
            if is_answer(status, said):
                break
            time.sleep(_PAUSE_SECONDS)
        return status, said, turn > 0

    def _send(
        self, method: str, path: str, turn: int = 0, **what: Any
    ) -> tuple[int | None, dict[str, Any]]:
        client = self._clients[turn % len(self._clients)]
        try:
            answer = client.request(method, path, **what)
        except httpx2.TransportError:
            return None, {}
        return answer.status_code, answer.json()


def is_answer(status: int | None, said: Mapping[str, Any]) -> bool:
    """Whether an answer tells what became of the request."""
    return status is not None and status < _UNSURE and said.get("code") != _IN_PROGRESS


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
