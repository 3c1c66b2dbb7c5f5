"""Redis that forgets, dies, stands still, or hangs at the end of a dead line."""

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
    """FLUSHALL: every ring is gone."""
    if _PART in scene.broken_parts:
        return None
    scene.environment.redis.flush()
    return _now("FLUSHALL")


def kill_redis(scene: RunningFarm) -> Fault | None:
    """SIGKILL without a file to come back from; another one starts soon."""
    redis = scene.environment.redis
    return _broken(scene, "Redis killed", redis.stop, redis.start)


def freeze_redis(scene: RunningFarm) -> Fault | None:
    """SIGSTOP: it takes connections and says nothing. Jobs are submitted meanwhile."""
    if _PART in scene.broken_parts:
        return None
    send = scene.environment.redis.process.send_signal
    scene.load.add_jobs(2)
    stop, go_on = partial(send, signal.SIGSTOP), partial(send, signal.SIGCONT)
    return _broken(scene, FROZEN, stop, go_on)


def half_open(scene: RunningFarm) -> Fault | None:
    """Every line is dead at both ends, and nobody is told; new ones work."""
    scene.environment.proxy.abandon()
    return _now("connections half open")


def swallow(scene: RunningFarm) -> Fault | None:
    """For a while nothing gets through, on old lines and new ones."""
    silence = scene.environment.proxy.silence
    stop, go_on = partial(silence, wanted=True), partial(silence, wanted=False)
    return _broken(scene, "network silent", stop, go_on)


def reset(scene: RunningFarm) -> Fault | None:
    """Every line is cut with RST."""
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
