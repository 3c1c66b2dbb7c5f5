"""API processes of a chaos farm, and a client for them."""

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
    """Process `api.serve`, which keeps its port when it is restarted."""

    def __init__(
        self, environment: Mapping[str, str], home: Path, number: int = 1
    ) -> None:
        self._log, self.port = home / f"api-{number}.log", _free_port()
        named = {"IMPASTO_PORT": str(self.port), "IMPASTO_HOST": "127.0.0.1"}
        self._environment = {**os.environ, **environment, **named}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """URL of the server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Id of the process that was started last."""
        return 0 if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process, without waiting until it serves requests."""
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
        """Start the process again if it has ended."""
        if self._process is not None and self._process.poll() is not None:
            self.start()

    def wait_ready(self) -> None:
        """Wait until the server responds.

        Raises:
            TimeoutError: The server does not respond in time.
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
        """Send a signal to the process and its child."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """Kill the process and its child."""
        if self._process is not None and self._process.poll() is None:
            self.send(signal.SIGKILL)
            self._process.wait()

    def stop(self) -> int | None:
        """Terminate the process; return its exit code, None if it had to be killed."""
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            return self._process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()
            return None


class ApiClient:
    """Client that submits jobs and actions to a farm, with or without a response.

    Args:
        url: URL of the API server.
        others: URLs of servers to try in turn if that one does not respond to a request
            that may be repeated.
    """

    def __init__(self, url: str, others: Sequence[str] = ()) -> None:
        self._clients = [
            httpx2.Client(base_url=each, timeout=_PATIENCE_SECONDS)
            for each in (url, *others)
        ]

    def submit(
        self, name: str, params: str, pictures: Mapping[str, bytes]
    ) -> tuple[int | None, dict[str, Any]]:
        """Submit a job, and repeat the request until there is a valid response.

        The status is None if no request got a response.
        """
        form = {"params": params, "name": name}
        answer = self._send_until_answered("/v1/jobs", files=pictures, data=form)
        return answer[:2]

    def request_child(
        self, parent_id: str, relation: str, body: Mapping[str, Any]
    ) -> tuple[int | None, dict[str, Any], bool]:
        """Fork, extend or retry a job; repeat the request as `submit` does.

        The third value says whether the request was repeated: a frozen server may do
        later what another server refused.
        """
        return self._send_until_answered(f"/v1/jobs/{parent_id}/{relation}", json=body)

    def request_action(self, job_id: str, verb: str) -> int | None:
        """Request an action for a job; return the HTTP status."""
        return self._send("POST", f"/v1/jobs/{job_id}/{verb}")[0]

    def steer(self, job_id: str, style_weight: float) -> int | None:
        """Change the style weight of a job, whatever its revision is."""
        body, any_revision = {"style_weight": style_weight}, {"If-Match": "*"}
        path = f"/v1/jobs/{job_id}"
        return self._send("PATCH", path, json=body, headers=any_revision)[0]

    def state(self, job_id: str) -> str | None:
        """Return the state of a job; None without a valid response."""
        state: str | None = self._send("GET", f"/v1/jobs/{job_id}")[1].get("state")
        return state

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients:
            client.close()

    def _send_until_answered(
        self, path: str, **what: Any
    ) -> tuple[int | None, dict[str, Any], bool]:
        key = {"Idempotency-Key": uuid.uuid4().hex}
        for turn in range(_TRIES):
            status, answer = self._send("POST", path, turn, headers=key, **what)
            if is_answer(status, answer):
                break
            time.sleep(_PAUSE_SECONDS)
        return status, answer, turn > 0

    def _send(
        self, method: str, path: str, turn: int = 0, **what: Any
    ) -> tuple[int | None, dict[str, Any]]:
        client = self._clients[turn % len(self._clients)]
        try:
            answer = client.request(method, path, **what)
        except httpx2.TransportError:
            return None, {}
        return answer.status_code, answer.json()


def is_answer(status: int | None, answer: Mapping[str, Any]) -> bool:
    """Whether a response says what happened to the request."""
    return (
        status is not None and status < _UNSURE and answer.get("code") != _IN_PROGRESS
    )


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
