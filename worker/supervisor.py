"""One worker process per device: started, restarted when it dies, told to end.

This process loads neither torch nor Celery, and touches no job: if it is killed, its
children get SIGTERM from the kernel, and hand their jobs back.
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

from shared.logs import configure
from shared.settings import settings_or_exit

if TYPE_CHECKING:
    from collections.abc import Mapping

log = structlog.get_logger(__name__)

EXIT_RESTART = 75  # EX_TEMPFAIL: start me again at once
EXIT_UNUSABLE = 78  # EX_CONFIG: starting again would not help
_PR_SET_PDEATHSIG = 1
_TICK_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 30.0
_HEALTHY_SECONDS = 60.0
# cuBLAS reads it when it is loaded; without it, it adds up in any order.
_EXACT_CUDA = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
# What torch cannot do on MPS runs on the CPU instead of ending the job.
_FALLING_BACK = {"PYTORCH_ENABLE_MPS_FALLBACK": "1"}
# glibc then gets large maps in huge pages: a fifth of an iteration is page faults else.
HUGE_PAGES = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=16777216"
}
_SPEC = re.compile(r"cpu(?:\*(?P<count>[1-9]\d?))?|mps|cuda:(?P<index>\d+)|all")


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for one worker process.

    Attributes:
        name: For the log.
        device_class: cpu, cuda or mps.
        memory_share: Among how many workers its device's memory is shared out.
        number: Which of those it is, from 0.
        environment: What its process sees besides our own environment.
    """

    name: str
    device_class: str
    memory_share: int = 1
    number: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def options(self) -> list[str]:
        """What its process is started with."""
        shared = ["--memory-share", str(self.memory_share), "--slot", str(self.number)]
        return ["--device", self.device_class, *shared]


def plan(devices: str, threads: int | None) -> list[Slot]:
    """Read `all`, `cpu`, `cpu*N`, `mps`, `cuda:0`, or several of them with commas.

    Args:
        devices: As given on the command line.
        threads: CPU threads per worker; None shares the cores out evenly.

    Raises:
        ValueError: It cannot be read, or names a device that is not there.
    """
    slots: list[Slot] = []
    for word in devices.split(","):
        match = _SPEC.fullmatch(word.strip())
        if match is None:
            raise ValueError(
                f"cannot read {word!r}: use all, cpu, cpu*N, mps or cuda:N, by commas"
            )
        slots += _slots(word.strip(), match)
    slots = _sharing_the_cpu(slots)
    share = threads or max(1, _cores() // len(slots))
    return [_with_threads(slot, share) for slot in slots]


class Fleet:
    """The worker processes of one machine."""

    def __init__(self, slots: list[Slot]) -> None:
        self._berths = [_Berth(slot) for slot in slots]
        self._ending = False

    def run(self) -> int:
        """Keep every slot manned until SIGTERM or SIGINT.

        Returns:
            0 after an orderly end, 1 when no slot of this machine is usable.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        while any(berth.is_open for berth in self._berths):
            for berth in self._berths:
                berth.tend(ending=self._ending)
            time.sleep(_TICK_SECONDS)
        return 0 if self._ending else 1

    def _end(self, _number: int, _frame: object) -> None:
        self._ending = True  # obeyed by the loop: a signal may come in mid-start


class _Berth:
    """One slot and the process in it."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._start_after = 0.0
        self._pause = 0.0
        self._told = False
        self.is_open = True

    def tend(self, *, ending: bool) -> None:
        """Notice an end, and start again when it is time."""
        if self._process is not None and (code := self._process.poll()) is not None:
            self._process = None
            self._note_end(code)
        if ending:
            self._let_go()
        elif self._process is None and self.is_open and _now() >= self._start_after:
            self._start()

    def _let_go(self) -> None:
        """Ask the process, once, to hand its job back and end."""
        if self._process is None:
            self.is_open = False
        elif not self._told:
            self._process.terminate()
            self._told = True

    def _start(self) -> None:
        command = [sys.executable, "-m", "worker.app", *self._slot.options]
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            command,
            env={**HUGE_PAGES, **os.environ, **self._slot.environment},
            preexec_fn=partial(_die_with, os.getpid()),  # noqa: PLW1509 - this process has one thread
        )
        self._started_at = _now()
        log.info("worker_started", slot=self._slot.name, pid=self._process.pid)

    def _note_end(self, code: int) -> None:
        log.warning("worker_ended", slot=self._slot.name, exit_code=code)
        if code == EXIT_UNUSABLE:
            self.is_open = False
        elif code == EXIT_RESTART or _now() - self._started_at > _HEALTHY_SECONDS:
            self._pause = 0.0
        else:
            self._pause = min(max(1.0, 2 * self._pause), _LONGEST_PAUSE_SECONDS)
        self._start_after = _now() + self._pause


def _slots(word: str, match: re.Match[str]) -> list[Slot]:
    if word == "all":
        return [_slot_of(found) for found in _ask_devices()]
    if match["index"] is not None:
        found = [one for one in _ask_devices() if one["device_class"] == "cuda"]
        if int(match["index"]) >= len(found):
            raise ValueError(f"{word} is not there: {len(found)} CUDA device(s) found")
        return [_slot_of(found[int(match["index"])])]
    if word == "mps":
        return [_slot("mps")]
    return [Slot(f"cpu-{number}", "cpu") for number in range(int(match["count"] or 1))]


def _sharing_the_cpu(slots: list[Slot]) -> list[Slot]:
    """Number the slots on the CPU, and share out its memory among them."""
    number, on_cpu = count(), sum(slot.device_class == "cpu" for slot in slots)
    return [
        replace(slot, memory_share=on_cpu, number=next(number))
        if slot.device_class == "cpu"
        else slot
        for slot in slots
    ]


def _slot_of(found: Mapping[str, str]) -> Slot:
    if found["device_class"] != "cuda":
        return _slot(found["device_class"])
    # By UUID, as indices change with the driver's mood.
    only_it = {"CUDA_VISIBLE_DEVICES": found["uuid"]}
    return Slot(found["uuid"], "cuda", environment={**only_it, **_EXACT_CUDA})


def _slot(device_class: str) -> Slot:
    environment = _FALLING_BACK if device_class == "mps" else {}
    return Slot(device_class, device_class, environment=environment)


def _ask_devices() -> list[dict[str, str]]:
    command = [sys.executable, "-m", "worker.devices.device"]
    asked = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603 - our own module
    found: list[dict[str, str]] = json.loads(asked.stdout)
    return found


def _with_threads(slot: Slot, threads: int) -> Slot:
    counts = {"IMPASTO_WORKER_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    return replace(slot, environment={**slot.environment, **counts})


def _cores() -> int:
    """Cores this process may use; all there are, where the system does not tell."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _die_with(parent: int) -> None:
    """Have the kernel send SIGTERM to this child when the fleet is gone (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # gone before we could say so
        sys.exit(EXIT_RESTART)


def _now() -> float:
    return time.monotonic()


def main() -> int:
    """Man the devices named on the command line."""
    parser = argparse.ArgumentParser(prog="impasto worker", description=__doc__)
    parser.add_argument("--devices", default="all")
    devices = parser.parse_args().devices
    settings = settings_or_exit()
    configure(settings.log_level)
    try:
        slots = plan(devices, settings.worker_threads)
    except ValueError as error:
        sys.stderr.write(f"worker: {error}\n")
        return 2
    return Fleet(slots).run()


if __name__ == "__main__":
    sys.exit(main())
