"""Faults: functions that break one part of a farm and return a record of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import redis
from kombu.exceptions import OperationalError

from chaos.faults.children import extend, fork, retry
from chaos.faults.databases import (
    cut_connections,
    fail_over,
    hold_the_lock,
    lose_power,
)
from chaos.faults.notifications import double_notifications, send_foreign_notifications
from chaos.faults.redis_server import (
    flush,
    freeze_redis,
    half_open,
    kill_redis,
    reset,
    swallow,
)
from chaos.faults.storage import corrupt_checkpoint, fill_the_disk, remove_input
from chaos.faults.users import (
    cancel,
    finish,
    freeze_an_api,
    kill_an_api,
    pause,
    steer,
)
from chaos.faults.workers import freeze, kill, set_failpoint, terminate
from shared.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chaos.farm.running_farm import RunningFarm
    from chaos.records import Fault

# Relative frequencies of the faults. A fault that finds nothing to break returns None
# and does not count.
FAULTS: dict[Callable[[RunningFarm], Fault | None], float] = {
    kill: 3,
    terminate: 2,
    freeze: 2,
    set_failpoint: 10,
    flush: 3,
    kill_redis: 1.5,
    freeze_redis: 2,
    half_open: 2,
    swallow: 1.5,
    reset: 3,
    hold_the_lock: 1,
    lose_power: 1,
    cut_connections: 1.5,
    double_notifications: 3,
    send_foreign_notifications: 3,
    fill_the_disk: 1,
    corrupt_checkpoint: 2,
    cancel: 3,
    pause: 5,
    finish: 2,
    steer: 4,
    fork: 3,
    extend: 2,
    retry: 2,
    remove_input: 1,
    kill_an_api: 2,
    freeze_an_api: 2,
}


# Errors that a fault may get because another fault is active.
_AWAY = (
    DatabaseUnavailable, psycopg.OperationalError, redis.RedisError, OperationalError,
)  # fmt: skip


# Faults whose recovery time is measured when no other fault is active.
OF_WORKERS = {kill: 2, terminate: 2, freeze: 2, set_failpoint: 6, corrupt_checkpoint: 1}


# Faults that need a standby of PostgreSQL.
WITH_FAILOVER = {**FAULTS, fail_over: 6}


def draw(
    scene: RunningFarm, faults: Mapping[Callable[[RunningFarm], Fault | None], float]
) -> Fault | None:
    """Choose a fault by the scene's random numbers, and run it."""
    (fault,) = scene.rng.choices(list(faults), list(faults.values()))
    try:
        return fault(scene)
    except _AWAY:
        return None
