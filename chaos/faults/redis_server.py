"""Faults of Redis: lost data, crashes, freezes, dead or cut connections."""

from __future__ import annotations

import signal
import time
from functools import partial
from typing import TYPE_CHECKING

from chaos.faults.durations import draw_outage_seconds
from chaos.records import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaos.farm.running_farm import RunningFarm

_PART = "redis"
FROZEN = "Redis frozen"


def flush(scene: RunningFarm) -> Fault | None:
    """Run FLUSHALL, which removes every notification."""
    if _PART in scene.broken_parts:
        return None
    scene.environment.redis.flush()
    return _now("FLUSHALL")


def kill_redis(scene: RunningFarm) -> Fault | None:
    """Kill Redis, which has no file to recover from; start another one soon."""
    redis = scene.environment.redis
    return _broken(scene, "Redis killed", redis.stop, redis.start)


def freeze_redis(scene: RunningFarm) -> Fault | None:
    """Stop Redis by SIGSTOP: it accepts connections and never replies.

    Jobs are submitted in that time.
    """
    if _PART in scene.broken_parts:
        return None
    send = scene.environment.redis.process.send_signal
    scene.load.add_jobs(2)
    stop, go_on = partial(send, signal.SIGSTOP), partial(send, signal.SIGCONT)
    return _broken(scene, FROZEN, stop, go_on)


def half_open(scene: RunningFarm) -> Fault | None:
    """Leave every connection half open, unnoticed by both ends; new ones work."""
    scene.environment.proxy.abandon()
    return _now("connections half open")


def swallow(scene: RunningFarm) -> Fault | None:
    """Discard all bytes of old and new connections for a while."""
    silence = scene.environment.proxy.silence
    stop, go_on = partial(silence, wanted=True), partial(silence, wanted=False)
    return _broken(scene, "network silent", stop, go_on)


def reset(scene: RunningFarm) -> Fault | None:
    """Cut every connection with RST."""
    scene.environment.proxy.reset()
    return _now("connections reset")


def _now(kind: str) -> Fault:
    now = time.time()
    return Fault(kind, now, now)


def _broken(
    scene: RunningFarm,
    kind: str,
    stop: Callable[[], object],
    go_on: Callable[[], object],
) -> Fault | None:
    if _PART in scene.broken_parts:
        return None
    seconds, now = draw_outage_seconds(scene.rng), time.time()
    stop()
    scene.restore_after(_PART, seconds, lambda: go_on() and None)
    return Fault(kind, now, now + seconds)
