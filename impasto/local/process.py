"""Child process of the farm, with a process group and a log; ends with its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MAX_LOG_BYTES = 10 * 2**20


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """Command of a process, its name, its log, and its maximum time to stop."""

    name: str
    command: tuple[str, ...]
    log_path: Path
    stop_seconds: float


class ChildProcess:
    """Child process that can be restarted after its end.

    Args:
        spec: Command and limits of the process.
        environment: All environment variables of the process.
    """

    def __init__(self, spec: ProcessSpec, environment: Mapping[str, str]) -> None:
        self.spec = spec
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._log_offset_bytes = 0

    @property
    def pid(self) -> int | None:
        """Id of the process and of its process group; None before the first start."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process in the main thread, with which the kernel ends it."""
        _rotate(self.spec.log_path)
        end_with_parent = (
            sys.executable,
            "-P",
            "-m",
            "impasto.local.parent_death",
            str(os.getpid()),
            "--",
        )
        self.spec.log_path.touch(mode=0o600)
        with self.spec.log_path.open("ab") as log:
            self._log_offset_bytes = log.tell()
            self._process = subprocess.Popen(  # noqa: S603 - our own commands
                (*end_with_parent, *self.spec.command),
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                umask=0o077,
                start_new_session=True,  # so that only the parent gets Ctrl-C
            )

    def exit_code(self) -> int | None:
        """Return the exit code; None while the process runs, or before its start."""
        return self._process.poll() if self._process else None

    def is_running(self) -> bool:
        """Return whether the process was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Send SIGTERM, and wait for the end, at most `stop_seconds`."""
        if self._process is None:
            return
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(self.spec.stop_seconds)

    def kill_group(self) -> None:
        """Kill all processes of the process group."""
        if self._process is None:
            return
        with suppress(ProcessLookupError, PermissionError):  # macOS: only zombies
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def last_lines(self, count: int = 15) -> list[str]:
        """Return the last lines of the log since the last start."""
        if not self.spec.log_path.exists():
            return []
        with self.spec.log_path.open(errors="replace") as log:
            log.seek(self._log_offset_bytes)
            return [line.rstrip() for line in deque(log, maxlen=count)]


def _rotate(log_path: Path) -> None:
    if log_path.exists() and log_path.stat().st_size > _MAX_LOG_BYTES:
        log_path.replace(log_path.with_suffix(".log.1"))
