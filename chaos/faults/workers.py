"""Workers that die, are told to go, stand still, or stop between two steps."""

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

_TRAP_SECONDS = 8.0  # nobody came by: it is taken away


def kill(scene: RunningFarm) -> Fault | None:
    """SIGKILL, whatever the worker is doing."""
    return _signal(scene, "kill -9", signal.SIGKILL)


def terminate(scene: RunningFarm) -> Fault | None:
    """SIGTERM: it hands its job back and ends."""
    return _signal(scene, "SIGTERM", signal.SIGTERM)


def freeze(scene: RunningFarm) -> Fault | None:
    """SIGSTOP for longer than a lease, then SIGCONT: it does not know that it slept."""
    if (berth := scene.pick_worker()) is None:
        return None
    seconds = scene.rng.uniform(*FREEZE_RANGE_SECONDS)
    fault = scene.describe_fault("SIGSTOP, SIGCONT", berth, time.time() + seconds)
    berth.send(signal.SIGSTOP)
    scene.delayed.schedule(seconds, partial(berth.send, signal.SIGCONT))
    return fault


def set_failpoint(scene: RunningFarm) -> Fault | None:
    """Have a worker end, stand still or lose an answer at a point between two steps.

    It counts once somebody steps on it: `sprung`.
    """
    if (berth := scene.pick_worker()) is None or berth.traps.is_set:
        return None
    point, action = scene.rng.choice(TRAPS)
    step = point.partition(" ")[2]
    berths = scene.workers.slots if step in OF_ONE_LEADER else [berth]
    for each in berths:
        each.traps.set(point, action)
        scene.delayed.schedule(_TRAP_SECONDS, each.traps.clear)
    return _lead_into(scene, berth, step)


def _lead_into(scene: RunningFarm, berth: WorkerSlot, step: str) -> Fault | None:
    """Have a worker take a step that it takes only when it is told to."""
    if step == "release_job":
        fault = scene.describe_fault("SIGTERM", berth)
        berth.send(signal.SIGTERM)
        return fault
    held = berth.find_job(scene.environment.db)
    if step == "stop_job" and held is not None:
        return pause_job(scene, held[0])
    return None


def collect_triggered_failpoints(scene: RunningFarm) -> Iterator[Fault]:
    """The traps that were stepped on since this was asked last."""
    for berth in scene.workers.slots:
        if (word := berth.traps.take()) is None:
            continue
        until = word.at
        if word.action == FREEZE:
            seconds = scene.rng.uniform(*FREEZE_RANGE_SECONDS)
            until += seconds
            berth.send(signal.SIGSTOP)  # it has done so itself: this notes it
            scene.delayed.schedule(seconds, partial(berth.send, signal.SIGCONT))
        kind = f"{word.action} between two steps"
        yield Fault(kind, word.at, until, word.job_id, word.fence, word.point)


def _signal(scene: RunningFarm, kind: str, number: signal.Signals) -> Fault | None:
    berth: WorkerSlot | None = scene.pick_worker()
    if berth is None:
        return None
    fault = scene.describe_fault(kind, berth)
    berth.send(number)
    return fault
