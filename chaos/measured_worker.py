"""`python -m chaos.measured_worker`: the product's worker, with a stopwatch.

MEASURED names the file that it writes after each job: how long the job took, and how
much of that any program would need that makes the same picture and knows no queue.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worker import app, attempt
from worker.keeper import Keeper
from worker.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_needed_seconds = 0.0


@contextmanager
def _needed() -> Iterator[None]:
    """What is done inside is needed by anybody."""
    global _needed_seconds  # noqa: PLW0603 - one stopwatch for a process with one job
    began = time.perf_counter()
    try:
        yield
    finally:
        _needed_seconds += time.perf_counter() - began


def _timed(work: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(work)
    def timed(*arguments: Any, **more: Any) -> Any:
        with _needed():
            return work(*arguments, **more)

    return timed


def _timed_run(stylize: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    @wraps(stylize)
    def timed(*arguments: Any, **more: Any) -> Iterator[Any]:
        run = stylize(*arguments, **more)
        while True:
            with _needed():
                iterate = next(run, None)
            if iterate is None:
                return
            yield iterate

    return timed


def _measured(run_one: Callable[[Runner], bool]) -> Callable[[Runner], bool]:
    @wraps(run_one)
    def measured(self: Runner) -> bool:
        global _needed_seconds  # noqa: PLW0603 - see above
        _needed_seconds = 0.0
        began, cpu = time.perf_counter(), time.process_time()
        own = time.thread_time()
        found = run_one(self)
        if found:
            said = {
                "seconds": time.perf_counter() - began,
                "needed_seconds": _needed_seconds,
                "cpu_seconds": time.process_time() - cpu,
                "own_cpu_seconds": time.thread_time() - own,
            }
            Path(os.environ["MEASURED"]).write_text(json.dumps(said))
        return found

    return measured


def main() -> int:
    """Put the stopwatch in, then be a worker."""
    attempt.stylize = _timed_run(attempt.stylize)
    attempt.read_originals = _timed(attempt.read_originals)
    attempt.encode = _timed(attempt.encode)
    Keeper.save = _timed(Keeper.save)  # the file has to be written by anybody
    Runner.run_one = _measured(Runner.run_one)
    return app.main()


if __name__ == "__main__":
    sys.exit(main())
