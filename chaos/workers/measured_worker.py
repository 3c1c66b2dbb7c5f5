"""`python -m chaos.workers.measured_worker`: the product's worker, with timers.

After each job it writes the file MEASURED: the time that the job took, and the part of
it that a program without a queue would need for the same picture.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worker.app import main as run_worker
from worker.attempts import style as attempt
from worker.attempts.artifacts import ArtifactStore
from worker.engine.transfer import stylize
from worker.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NEEDED, PREVIEWS, CHECKPOINTS = "needed", "previews", "checkpoints"

_spent: Counter[str] = Counter()  # seconds of wall time, in the thread of the attempt


@contextmanager
def _counted(name: str) -> Iterator[None]:
    began = time.perf_counter()
    try:
        yield
    finally:
        _spent[name] += time.perf_counter() - began


def _timed(work: Callable[..., Any], name: str) -> Callable[..., Any]:
    @wraps(work)
    def timed(*arguments: Any, **more: Any) -> Any:
        with _counted(name):
            return work(*arguments, **more)

    return timed


def _timed_run(stylize: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    @wraps(stylize)
    def timed(*arguments: Any, **more: Any) -> Iterator[Any]:
        run = stylize(*arguments, **more)
        while True:
            with _counted(NEEDED):
                iterate = next(run, None)
            if iterate is None:
                return
            yield iterate

    return timed


def _measured(run_one: Callable[[Runner], bool]) -> Callable[[Runner], bool]:
    @wraps(run_one)
    def measured(self: Runner) -> bool:
        _spent.clear()
        began, cpu = time.perf_counter(), time.process_time()
        own = time.thread_time()
        found = run_one(self)
        if found:
            figures = {
                **_spent,
                "all": time.perf_counter() - began,
                "other threads": time.process_time() - cpu - (time.thread_time() - own),
            }
            fresh = Path(os.environ["MEASURED"] + ".new")
            fresh.write_text(json.dumps(figures))
            fresh.rename(os.environ["MEASURED"])
        return found

    return measured


def main() -> int:
    """Install the timers, then run the worker."""
    attempt.stylize = _timed_run(stylize)
    for name in ("read_inputs", "encode"):
        setattr(attempt, name, _timed(getattr(attempt, name), NEEDED))
    # Every program has to write the file.
    ArtifactStore.save_result = _timed(ArtifactStore.save_result, NEEDED)
    ArtifactStore.save_preview_if_due = _timed(
        ArtifactStore.save_preview_if_due, PREVIEWS
    )
    ArtifactStore.save_checkpoint = _timed(ArtifactStore.save_checkpoint, CHECKPOINTS)
    Runner.run_one = _measured(Runner.run_one)
    return run_worker()


if __name__ == "__main__":
    sys.exit(main())
