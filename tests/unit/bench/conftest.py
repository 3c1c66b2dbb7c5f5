"""Benchmarks whose measured processes need not import torch again."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.engine.measured_process import answer_path
from tests.support.forked_process import run_program

if TYPE_CHECKING:
    from bench.engine.measured_process import Task
    from bench.engine.processes import Figures

MEASURED = "from bench.engine.measured_process import main; main()"


@pytest.fixture
def forked_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the benchmarks fork what they measure."""

    def measure(module: str, task: Task, threads: int) -> Figures:
        folder = Path(task.folder)
        folder.mkdir(parents=True, exist_ok=True)
        done = run_program(MEASURED, module, json.dumps(asdict(task)))
        assert done.returncode == 0, done.stderr
        return dict(json.loads(answer_path(folder).read_text()))

    for user in ("bench.engine.session", "bench.quality.candidates"):
        monkeypatch.setattr(f"{user}.measure", measure)
