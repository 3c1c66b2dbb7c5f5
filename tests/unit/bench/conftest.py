"""Benchmarks whose measured processes need not import torch again."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.engine import measured_process

if TYPE_CHECKING:
    from bench.engine.measured_process import Task
    from bench.engine.processes import Figures


@pytest.fixture
def measured_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the benchmarks measure in this process."""

    def measure(module: str, task: Task, threads: int) -> Figures:
        folder = Path(task.folder)
        folder.mkdir(parents=True, exist_ok=True)
        words = ["measured_process", module, json.dumps(asdict(task))]
        monkeypatch.setattr("sys.argv", words)
        measured_process.main()
        return dict(json.loads(measured_process.answer_path(folder).read_text()))

    for user in ("bench.engine.session", "bench.quality.candidates"):
        monkeypatch.setattr(f"{user}.measure", measure)
