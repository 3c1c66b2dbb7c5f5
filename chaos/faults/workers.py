"""Faults of workers: killed, terminated, frozen, or stopped between two steps."""

from __future__ import annotations

import signal
import time
from functools import partial
from typing import TYPE_CHECKING

from chaos.farm_settings import FREEZE_RANGE_SECONDS
from chaos.faults.users import pause_job
from chaos.records import Fault
from chaos.workers.failpoint_locations import OF_ONE_LEADER, TRAPS
from chaos.workers.failpoints import FREEZE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaos.farm.running_farm import RunningFarm
    from chaos.farm.worker_processes import WorkerSlot

_TRAP_SECONDS = 8.0  # a failpoint that no worker reached by then is removed


def kill(scene: RunningFarm) -> Fault | None:
    """Kill a worker at any moment."""
    return _signal(scene, "kill -9", signal.SIGKILL)


def terminate(scene: RunningFarm) -> Fault | None:
    """Terminate a worker, which returns its job to the queue and ends."""
    return _signal(scene, "SIGTERM", signal.SIGTERM)


def freeze(scene: RunningFarm) -> Fault | None:
    """Freeze a worker for longer than a lease; it does not notice the pause."""
    if (berth := scene.pick_worker()) is None:
        return None
    seconds = scene.rng.uniform(*FREEZE_RANGE_SECONDS)
    fault = scene.describe_fault("SIGSTOP, SIGCONT", berth, time.time() + seconds)
    berth.send(signal.SIGSTOP)
    scene.delayed.schedule(seconds, partial(berth.send, signal.SIGCONT))
    return fault


def set_failpoint(scene: RunningFarm) -> Fault | None:
    """Make a worker end, freeze or lose a response at a point between two steps.

    The fault is recorded when a worker reaches the failpoint.
    """
    if (berth := scene.pick_worker()) is None or berth.traps.is_set:
        return None
    point, action = scene.rng.choice(TRAPS)
    step = point.partition(" ")[2]
    berths = scene.workers.slots if step in OF_ONE_LEADER else [berth]
    for slot in berths:
        slot.traps.set(point, action)
        scene.delayed.schedule(_TRAP_SECONDS, slot.traps.clear)
    return _lead_into(scene, berth, step)


def _lead_into(scene: RunningFarm, berth: WorkerSlot, step: str) -> Fault | None:
    """Cause a step that a worker takes only after a signal or an action."""
    if step == "release_job":
        fault = scene.describe_fault("SIGTERM", berth)
        berth.send(signal.SIGTERM)
        return fault
    held = berth.find_job(scene.environment.db)
    if step == "stop_job" and held is not None:
        return pause_job(scene, held[0])
    return None


def collect_triggered_failpoints(scene: RunningFarm) -> Iterator[Fault]:
    """Yield a fault for each failpoint that was triggered since the last call."""
    for berth in scene.workers.slots:
        if (triggered := berth.traps.take()) is None:
            continue
        until = triggered.at
        if triggered.action == FREEZE:
            seconds = scene.rng.uniform(*FREEZE_RANGE_SECONDS)
            until += seconds
            berth.send(signal.SIGSTOP)  # already frozen: this sets `is_frozen`
            scene.delayed.schedule(seconds, partial(berth.send, signal.SIGCONT))
        kind = f"{triggered.action} between two steps"
        yield Fault(
            kind,
            triggered.at,
            until,
            triggered.job_id,
            triggered.fence,
            triggered.point,
        )


def _signal(scene: RunningFarm, kind: str, number: signal.Signals) -> Fault | None:
    berth: WorkerSlot | None = scene.pick_worker()
    if berth is None:
        return None
    fault = scene.describe_fault(kind, berth)
    berth.send(number)
    return fault
