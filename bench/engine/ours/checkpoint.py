"""Cost of a checkpoint (made, written, synced), as a share of the time between two."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.engine.ours.engine_run import start_run
from shared.params.style import StyleParams
from shared.settings import Settings
from shared.storage import Storage
from worker.attempts.artifacts import COST_FACTOR
from worker.checkpoint_file import Provenance, checkpoint_key, dump
from worker.engine.optimizers.lbfgs import HISTORY_SIZE

if TYPE_CHECKING:
    from bench.engine.measured_process import Stopwatch, Task
    from worker.engine.snapshot import Iterate

_TIMES = 5


def work(task: Task, _clock: Stopwatch) -> dict[str, Any]:
    """Measure checkpoints after `task.iterations`, which should fill the history."""
    schedule = ((task.edge, task.iterations[0]),)
    params = StyleParams(max_edge=task.edge, schedule=schedule, **task.settings)
    last = deque(start_run(task, params), maxlen=1)[0]
    storage = Storage(Path(task.folder) / "blobs")
    written = [_write(last, storage) for _ in range(_TIMES)]
    seconds, size = median(took for took, _ in written), written[0][1]
    interval = max(_default_interval(), COST_FACTOR * seconds)
    return {
        "write_seconds": seconds,
        "bytes": size,
        "interval_seconds": interval,
        "history": HISTORY_SIZE if params.optimizer == "lbfgs" else 0,
        "share": seconds / (seconds + interval),
    }


def _write(iterate: Iterate, storage: Storage) -> tuple[float, int]:
    """Keep one checkpoint as the worker does; seconds and bytes."""
    began = time.perf_counter()
    data = dump(iterate.snapshot(), Provenance({}, {}))
    storage.put(checkpoint_key("bench", "1", iterate.iteration), data)
    return time.perf_counter() - began, len(data)


def _default_interval() -> float:
    return float(Settings.model_fields["checkpoint_seconds"].default)
