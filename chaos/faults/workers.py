"""Workers that die, are told to go, stand still, or stop between two steps."""

from __future__ import annotations

import signal
import time
from functools import partial
from typing import TYPE_CHECKING

from chaos.farm_settings import LEASE_SECONDS
from chaos.faults.users import pause_job
from chaos.records import Fault
from chaos.workers.failpoint_locations import OF_ONE_LEADER, TRAPS
from chaos.workers.failpoints import FREEZE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaos.farm.running_farm import Scene
    from chaos.farm.worker_processes import Berth

FROZEN_SECONDS = (LEASE_SECONDS + 0.5, LEASE_SECONDS + 3.0)
_TRAP_SECONDS = 8.0  # nobody came by: it is taken away


def kill(scene: Scene) -> Fault | None:
    """SIGKILL, whatever the worker is doing."""
    return _signal(scene, "kill -9", signal.SIGKILL)


def terminate(scene: Scene) -> Fault | None:
    """SIGTERM: it hands its job back and ends."""
    return _signal(scene, "SIGTERM", signal.SIGTERM)


def freeze(scene: Scene) -> Fault | None:
    """SIGSTOP for longer than a lease, then SIGCONT: it does not know that it slept."""
    if (berth := scene.pick()) is None:
        return None
    seconds = scene.rng.uniform(*FROZEN_SECONDS)
    fault = scene.hit("SIGSTOP, SIGCONT", berth, time.time() + seconds)
    berth.send(signal.SIGSTOP)
    scene.later.after(seconds, partial(berth.send, signal.SIGCONT))
    return fault


def set_trap(scene: Scene) -> Fault | None:
    """Have a worker end, stand still or lose an answer at a point between two steps.

    It counts once somebody steps on it: `sprung`.
    """
    if (berth := scene.pick()) is None or berth.traps.is_set:
        return None
    point, action = scene.rng.choice(TRAPS)
    step = point.partition(" ")[2]
    berths = scene.crew.berths if step in OF_ONE_LEADER else [berth]
    for each in berths:
        each.traps.set(point, action)
        scene.later.after(_TRAP_SECONDS, each.traps.clear)
    return _lead_into(scene, berth, step)


def _lead_into(scene: Scene, berth: Berth, step: str) -> Fault | None:
    """Have a worker take a step that it takes only when it is told to."""
    if step == "release_job":
        fault = scene.hit("SIGTERM", berth)
        berth.send(signal.SIGTERM)
        return fault
    held = berth.job(scene.ground.db)
    if step == "stop_job" and held is not None:
        return pause_job(scene, held[0])
    return None


def sprung(scene: Scene) -> Iterator[Fault]:
    """The traps that were stepped on since this was asked last."""
    for berth in scene.crew.berths:
        if (word := berth.traps.take()) is None:
            continue
        until = word.at
        if word.action == FREEZE:
            seconds = scene.rng.uniform(*FROZEN_SECONDS)
            until += seconds
            berth.send(signal.SIGSTOP)  # it has done so itself: this notes it
            scene.later.after(seconds, partial(berth.send, signal.SIGCONT))
        kind = f"{word.action} between two steps"
        yield Fault(kind, word.at, until, word.job_id, word.fence, word.point)


def _signal(scene: Scene, kind: str, number: signal.Signals) -> Fault | None:
    berth: Berth | None = scene.pick()
    if berth is None:
        return None
    fault = scene.hit(kind, berth)
    berth.send(number)
    return fault
