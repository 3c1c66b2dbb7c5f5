"""Supervisor of the worker processes: one per device, restarted when it dies.

This process loads neither torch nor Celery, and changes no job: if it is killed, its
children get SIGTERM from the kernel, and release their jobs.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import structlog

from shared.logs import configure_logging
from shared.settings import settings_or_exit, warn_if_home_is_open

if TYPE_CHECKING:
    from collections.abc import Mapping

log = structlog.get_logger(__name__)

EXIT_RESTART = 75  # EX_TEMPFAIL: restart the worker at once
EXIT_UNUSABLE = 78  # EX_CONFIG: a restart would not help
_PR_SET_PDEATHSIG = 1
_TICK_SECONDS = 0.2
_MAX_DELAY_SECONDS = 30.0
_HEALTHY_SECONDS = 60.0
# cuBLAS reads this when it is loaded; without it, the order of its sums varies.
_DETERMINISTIC_CUDA = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
# Operations that MPS lacks run on the CPU instead of ending the job.
_MPS_FALLBACK = {"PYTORCH_ENABLE_MPS_FALLBACK": "1"}
# glibc then allocates in huge pages; otherwise page faults take 1/5 of an iteration.
HUGE_PAGES = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=16777216"
}
_SPEC = re.compile(r"cpu(?:\*(?P<count>[1-9]\d?))?|mps|cuda:(?P<index>\d+)|all")


@dataclass(frozen=True, slots=True)
class WorkerSlot:
    """Device, or a share of one, for one worker process.

    Attributes:
        name: Name of the slot in the log.
        device_class: Class of the device: cpu, cuda or mps.
        memory_share: Number of workers that share the device's memory.
        index: Index among these workers, from 0.
        environment: Environment variables added to those of this process.
    """

    name: str
    device_class: str
    memory_share: int = 1
    index: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def arguments(self) -> list[str]:
        """Command-line arguments of the process."""
        shared = ["--memory-share", str(self.memory_share), "--slot", str(self.index)]
        return ["--device", self.device_class, *shared]


def plan_slots(
    devices: str, threads: int | None, metrics_port: int = 0
) -> list[WorkerSlot]:
    """Parse a list of devices: `all`, `cpu`, `cpu*N`, `mps`, `cuda:0`, with commas.

    Args:
        devices: Devices as given on the command line.
        threads: CPU threads per worker; None to divide the cores evenly.
        metrics_port: Port of the first worker's metrics; each further worker uses the
            next port; 0 for no metrics.

    Raises:
        ValueError: `devices` cannot be parsed, or names a missing device.
    """
    slots: list[WorkerSlot] = []
    for spec in devices.split(","):
        match = _SPEC.fullmatch(spec.strip())
        if match is None:
            raise ValueError(
                f"cannot read {spec!r}: use all, cpu, cpu*N, mps or cuda:N, by commas"
            )
        slots += _parse_slots(spec.strip(), match)
    slots = _share_cpu_memory(slots)
    share = threads or max(1, _core_count() // len(slots))
    slots = [_with_threads(slot, share) for slot in slots]
    if not metrics_port:
        return slots
    return [
        _with_variables(slot, {"IMPASTO_METRICS_PORT": str(metrics_port + number)})
        for number, slot in enumerate(slots)
    ]


class Supervisor:
    """Supervisor of the worker processes of one machine."""

    def __init__(self, slots: list[WorkerSlot]) -> None:
        self._processes = [_SlotProcess(slot) for slot in slots]
        self._is_ending = False

    def run(self) -> int:
        """Run a process in every slot until SIGTERM or SIGINT.

        Returns:
            Exit code: 0 after an orderly end, 1 if no slot of this machine is usable.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._request_end)
        while any(process.is_usable for process in self._processes):
            for process in self._processes:
                process.update(is_ending=self._is_ending)
            time.sleep(_TICK_SECONDS)
        return 0 if self._is_ending else 1

    def _request_end(self, _number: int, _frame: object) -> None:
        # Only the loop ends processes: a signal may arrive while one starts.
        self._is_ending = True


class _SlotProcess:
    """Process of one slot, with the time of its next restart."""

    def __init__(self, slot: WorkerSlot) -> None:
        self._slot = slot
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._restart_at = 0.0
        self._restart_delay = 0.0
        self._is_terminated = False
        self.is_usable = True

    def update(self, *, is_ending: bool) -> None:
        """Handle an exit of the process, and restart it when the delay is over."""
        if self._process is not None and (code := self._process.poll()) is not None:
            self._process = None
            self._handle_exit(code)
        if is_ending:
            self._terminate()
        elif self._process is None and self.is_usable and _now() >= self._restart_at:
            self._start()

    def _terminate(self) -> None:
        """Send SIGTERM once, so that the process releases its job and ends."""
        if self._process is None:
            self.is_usable = False
        elif not self._is_terminated:
            self._process.terminate()
            self._is_terminated = True

    def _start(self) -> None:
        command = [sys.executable, "-m", "worker.app", *self._slot.arguments]
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            command,
            env={**HUGE_PAGES, **os.environ, **self._slot.environment},
            preexec_fn=partial(_terminate_with, os.getpid()),  # noqa: PLW1509 - this process has one thread
        )
        self._started_at = _now()
        log.info("worker_started", slot=self._slot.name, pid=self._process.pid)

    def _handle_exit(self, code: int) -> None:
        log.warning("worker_ended", slot=self._slot.name, exit_code=code)
        if code == EXIT_UNUSABLE:
            self.is_usable = False
        elif code == EXIT_RESTART or _now() - self._started_at > _HEALTHY_SECONDS:
            self._restart_delay = 0.0
        else:
            self._restart_delay = min(
                max(1.0, 2 * self._restart_delay), _MAX_DELAY_SECONDS
            )
        self._restart_at = _now() + self._restart_delay


def _parse_slots(spec: str, match: re.Match[str]) -> list[WorkerSlot]:
    if spec == "all":
        return [_device_slot(device) for device in _list_devices()]
    if match["index"] is not None:
        gpus = [gpu for gpu in _list_devices() if gpu["device_class"] == "cuda"]
        if int(match["index"]) >= len(gpus):
            raise ValueError(f"{spec} is not there: {len(gpus)} CUDA device(s) found")
        return [_device_slot(gpus[int(match["index"])])]
    if spec == "mps":
        return [_slot("mps")]
    return [
        WorkerSlot(f"cpu-{index}", "cpu") for index in range(int(match["count"] or 1))
    ]


def _share_cpu_memory(slots: list[WorkerSlot]) -> list[WorkerSlot]:
    """Index the slots on the CPU, and divide its memory among them."""
    indices, cpu_slots = count(), sum(slot.device_class == "cpu" for slot in slots)
    return [
        replace(slot, memory_share=cpu_slots, index=next(indices))
        if slot.device_class == "cpu"
        else slot
        for slot in slots
    ]


def _device_slot(device: Mapping[str, str]) -> WorkerSlot:
    if device["device_class"] != "cuda":
        return _slot(device["device_class"])
    # The id is the UUID, since indices may change when the driver is loaded again.
    visible = {"CUDA_VISIBLE_DEVICES": device["uuid"]}
    return WorkerSlot(
        device["uuid"], "cuda", environment={**visible, **_DETERMINISTIC_CUDA}
    )


def _slot(device_class: str) -> WorkerSlot:
    environment = _MPS_FALLBACK if device_class == "mps" else {}
    return WorkerSlot(device_class, device_class, environment=environment)


def _list_devices() -> list[dict[str, str]]:
    command = [sys.executable, "-m", "worker.devices.device"]
    listing = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603 - our own module
    devices: list[dict[str, str]] = json.loads(listing.stdout)
    return devices


def _with_threads(slot: WorkerSlot, threads: int) -> WorkerSlot:
    share = {
        "IMPASTO_WORKER_THREADS": str(threads),
        "OMP_NUM_THREADS": str(threads),
    }
    return _with_variables(slot, share)


def _with_variables(slot: WorkerSlot, variables: Mapping[str, str]) -> WorkerSlot:
    return replace(slot, environment={**slot.environment, **variables})


def _core_count() -> int:
    """Return the number of cores that this process may use, or of all cores."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _terminate_with(parent_id: int) -> None:
    """Make the kernel send SIGTERM to this child when the supervisor dies (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent_id:  # the supervisor died before the call
        sys.exit(EXIT_RESTART)


def _now() -> float:
    return time.monotonic()


def main() -> int:
    """Run workers on the devices named on the command line."""
    parser = argparse.ArgumentParser(prog="impasto worker", description=__doc__)
    parser.add_argument(
        "--devices", default="all", help="all, cpu, cpu*N, or a list like cuda:0,cuda:1"
    )
    devices = parser.parse_args().devices
    settings = settings_or_exit()
    warn_if_home_is_open(settings.home)
    configure_logging(settings.log_level)
    try:
        slots = plan_slots(devices, settings.worker_threads, settings.metrics_port)
    except ValueError as error:
        sys.stderr.write(f"worker: {error}\n")
        return 2
    return Supervisor(slots).run()


if __name__ == "__main__":
    sys.exit(main())
