"""Locations of failpoints: before and after every step that other processes see.

The product's functions are wrapped from outside, and only in a chaos worker.
"""

from __future__ import annotations

import os
import sys
from functools import wraps
from typing import TYPE_CHECKING, Any

from chaos.workers.failpoints import EXIT, FREEZE, LOSE, make_lost_commit_error
from shared import storage
from shared.maintenance import loop
from shared.storage import Storage, _write_durably

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from chaos.workers.failpoints import Failpoints

# Functions by which a worker writes to the database.
OF_JOBS = (
    "claim_job", "renew_lease", "record_checkpoint", "add_frame", "begin_segments",
    "discard_newer_checkpoints", "complete_job", "keep_last_checkpoint", "stop_job",
    "release_job", "postpone_job", "fail_job", "heartbeat_worker",
)  # fmt: skip
# Functions that the leader of the maintenance calls; every candidate calls the first of
# OF_LEADER.
OF_ONE_LEADER = (
    "requeue_expired_leases", "wake_backed_off_jobs", "find_jobs_to_notify",
    "mark_notified",
)  # fmt: skip
OF_LEADER = ("acquire_leadership", *OF_ONE_LEADER)
OF_BLOBS = ("checkpoints", "results", "frames")
HALF = "half a blob written"
WHOLE = "blob written, not renamed"

_STEPS = (*OF_JOBS, *OF_LEADER, *(f"put {kind}" for kind in OF_BLOBS), "delete")
_WRITES = (*OF_JOBS, *OF_LEADER)

# All failpoints: (point, action).
TRAPS = (
    *((f"{when} {step}", EXIT) for step in _STEPS for when in ("before", "after")),
    *((f"before {step}", FREEZE) for step in _STEPS),
    *((f"after {step}", LOSE) for step in _WRITES),
    (HALF, EXIT),
    (WHOLE, EXIT),
    (WHOLE, FREEZE),
)


def install(traps: Failpoints) -> None:
    """Wrap every step of this process with failpoints.

    A step is wrapped in each loaded module of the worker that imports it, so all these
    modules must be loaded before.
    """
    callers = [m for name, m in sys.modules.items() if name.startswith("worker.")]
    for name in OF_JOBS:
        for caller in callers:
            if name in vars(caller):
                setattr(caller, name, _trapped(vars(caller)[name], traps, name))
    for name in OF_LEADER:
        setattr(loop, name, _trapped(getattr(loop, name), traps, name))
    Storage.put = _trapped(Storage.put, traps)
    Storage.delete = _trapped(Storage.delete, traps, "delete")
    storage._write_durably = _written(_write_durably, traps)  # noqa: SLF001 - between a file's bytes and its name


def _trapped(
    step: Callable[..., Any], traps: Failpoints, name: str | None = None
) -> Callable[..., Any]:
    @wraps(step)
    def watched(*arguments: Any, **more: Any) -> Any:
        here = name or f"put {arguments[1].partition('/')[0]}"
        traps.trigger(f"before {here}", arguments)
        answer = step(*arguments, **more)
        if traps.trigger(f"after {here}", arguments):
            raise make_lost_commit_error()
        return answer

    return watched


def _written(
    write: Callable[[Path, bytes], None], traps: Failpoints
) -> Callable[..., None]:
    @wraps(write)
    def watched(path: Path, data: bytes) -> None:
        where = (os.fspath(path).replace("/.", "/"),)
        if len(data) > 1:
            path.write_bytes(data[: len(data) // 2])
            traps.trigger(HALF, where)
        write(path, data)
        traps.trigger(WHOLE, where)

    return watched
