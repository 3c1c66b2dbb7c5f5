"""Measured process: `python -m bench.engine.measured_process MODULE TASK`.

TASK is JSON. Every engine is measured in the same way. Time starts after the import of
torch, and stops when the picture is on the disk. Memory is the peak of the process,
minus its memory after the import of torch.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

_STATUS = Path("/proc/self/status")  # exists only on Linux


@dataclass(frozen=True, slots=True)
class Task:
    """Task of a measured process.

    Attributes:
        folder: Folder for all files that the process writes.
        photo: File of the content, in the size of the result.
        painting: File of the style, in the size of the result.
        weights: Folder with vgg16.safetensors and the files of `peers.weights`.
        edge: Long side of the result, px.
        iterations: Numbers of iterations; their meaning depends on the module.
        source: Checkout of the engine; empty for a package.
        settings: Fields of `StyleParams` by name.
        precision: Precision of Impasto's activations, with the values of
            IMPASTO_CPU_PRECISION; that variable is not read.
        limit_s: CPU seconds after which a peer of bench-quality delivers its present
            picture; 0 for no limit.
    """

    folder: str
    photo: str
    painting: str
    weights: str
    edge: int
    iterations: list[int]
    source: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    precision: str = "auto"
    limit_s: float = 0

    @property
    def picture(self) -> Path:
        """File of the result."""
        return Path(self.folder) / "result.png"


class Stopwatch:
    """Stopwatch of wall time that can leave out times."""

    def __init__(self) -> None:
        self._began, self._paused = time.perf_counter(), 0.0
        self._cpu_began = time.process_time()

    def __call__(self) -> float:
        """Return the seconds so far."""
        return time.perf_counter() - self._began - self._paused

    def cpu_s(self) -> float:
        """Return the CPU seconds of all threads so far, without leaving out any."""
        return time.process_time() - self._cpu_began

    def set_back(self, seconds: float) -> None:
        """Leave out this number of seconds."""
        self._paused += seconds


class Work(Protocol):
    """Interface of the function `work` of a measured module."""

    def __call__(self, task: Task, clock: Stopwatch) -> dict[str, Any]:
        """Do the task; return additional figures, if any."""


def main() -> None:
    """Do the task and write the figures into its folder."""
    module, task = sys.argv[1], Task(**json.loads(sys.argv[2]))
    import_module("torch")
    base = memory_mib("VmRSS")
    clock = Stopwatch()
    work: Work = import_module(module).work
    figures = work(task, clock)
    figures = {
        "seconds": clock(),
        "cpu_s": clock.cpu_s(),
        "base_mib": base,
        "peak_mib": memory_mib("VmHWM") - base,
        **figures,
    }
    answer_path(Path(task.folder)).write_text(json.dumps(figures))


def answer_path(folder: Path) -> Path:
    """Return the file into which a process writes its figures."""
    return folder / "figures.json"


def memory_mib(field_name: str) -> float:
    """Return VmRSS (resident now) or VmHWM (peak) of this process, MiB."""
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{field_name}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"{_STATUS} has no {field_name}")


if __name__ == "__main__":
    main()
