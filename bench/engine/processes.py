"""Measured processes: each engine runs in its own process, with the same threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.engine.measured_process import answer_path
from worker.supervisor import HUGE_PAGES

if TYPE_CHECKING:
    from bench.engine.measured_process import Task

ROOT = Path(__file__).resolve().parents[2]
_OURS = "bench.engine.ours"

Figures = dict[str, Any]


class ChildFailed(Exception):
    """A measured process failed, so that it has no figures."""


def measure(
    module: str, task: Task, threads: int, python: Path = Path(sys.executable)
) -> Figures:
    """Run `module.work` on a task and wait.

    Args:
        module: Name of the module, importable from the root of the repository.
        task: Task; its folder is created, with the output of the process in log.txt.
        threads: Number of threads of torch and its libraries.
        python: Interpreter that runs the process.

    Raises:
        ChildFailed: The process failed; the message is its last line of output.
    """
    folder = Path(task.folder)
    folder.mkdir(parents=True, exist_ok=True)
    answer_path(folder).unlink(missing_ok=True)
    command = [str(python), "-m", "bench.engine.measured_process", module]
    ours = HUGE_PAGES if module.startswith(_OURS) else {}
    environment = (
        ours
        | os.environ
        | {
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": str(threads),
            "MKL_NUM_THREADS": str(threads),
        }
    )
    log = folder / "log.txt"
    with log.open("w") as said:
        done = subprocess.run(  # noqa: S603 - constant command
            [*command, json.dumps(asdict(task))],
            env=environment,
            stdout=said,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        lines = log.read_text(errors="replace").strip().splitlines() or ["no word"]
        raise ChildFailed(f"exit {done.returncode}: {lines[-1]} (see {log})")
    return dict(json.loads(answer_path(folder).read_text()))
