"""One measured process: `python -m bench.engine.measured_process MODULE TASK`.

TASK is JSON.

Every engine is measured by the same clock: it starts once torch is imported, and stops
when the picture is on the disk. Memory likewise: the peak of the process minus what it
had once torch was imported.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

_STATUS = Path("/proc/self/status")  # Linux; elsewhere there is no figure like it


@dataclass(frozen=True, slots=True)
class Task:
    """What a child is to do.

    Attributes:
        folder: Its own, for whatever it writes.
        photo: The content, already of the size of the result.
        painting: The style, likewise.
        weights: Folder with vgg16.safetensors and what `peers.weights` made of it.
        edge: Long side of the result, px.
        iterations: What they mean is the module's affair.
        source: A checkout of the engine; empty for a package.
        settings: More, by name, for `StyleParams`.
        precision: Of our activations, as IMPASTO_CPU_PRECISION names it, which does
            not count here.
        limit_s: CPU seconds after which the picture of that moment is wanted, from the
            peers that bench-quality runs; 0 for no limit.
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
        """Where the result goes."""
        return Path(self.folder) / "result.png"


class Stopwatch:
    """Seconds of work, without what is done while it is paused."""

    def __init__(self) -> None:
        self._began, self._paused = time.perf_counter(), 0.0
        self._cpu_began = time.process_time()

    def __call__(self) -> float:
        """Seconds so far."""
        return time.perf_counter() - self._began - self._paused

    def cpu_s(self) -> float:
        """CPU seconds of all threads so far, with those of any pause."""
        return time.process_time() - self._cpu_began

    def set_back(self, seconds: float) -> None:
        """Do not count so many seconds."""
        self._paused += seconds


class Work(Protocol):
    """What a module that is measured must offer as `work`."""

    def __call__(self, task: Task, clock: Stopwatch) -> dict[str, Any]:
        """Do it; return figures of its own, if any."""


def main() -> None:
    """Do the work and leave the figures in the task's folder."""
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
    """Where a child leaves its figures."""
    return folder / "figures.json"


def memory_mib(field_name: str) -> float:
    """VmRSS, resident now, or VmHWM, the most so far, of this process, MiB."""
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{field_name}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"{_STATUS} has no {field_name}")


if __name__ == "__main__":
    main()
