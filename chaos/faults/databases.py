"""Databases that lose power, lose their connections, or are locked by somebody."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING

from chaos.farm.infrastructure import crash
from chaos.records import Fault

if TYPE_CHECKING:
    from chaos.farm.running_farm import RunningFarm

_PART = "database"


def lose_power(scene: RunningFarm) -> Fault | None:
    """PostgreSQL stops without a goodbye, and recovers some seconds later."""
    server = scene.environment.postgres
    if server is None or _PART in scene.broken_parts:
        return None
    seconds, now = scene.rng.uniform(0.3, 4), time.time()
    crash(server)
    scene.restore_after(_PART, seconds, server.start)
    return Fault("PostgreSQL stopped hard", now, now + seconds)


def cut_connections(scene: RunningFarm) -> Fault | None:
    """PostgreSQL ends every session, in whatever statement it is."""
    server = scene.environment.postgres
    if server is None or _PART in scene.broken_parts:
        return None
    now = time.time()
    with server.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    return Fault("PostgreSQL sessions cut", now, now)


def hold_the_lock(scene: RunningFarm) -> Fault | None:
    """Somebody keeps the write lock of SQLite, at times longer than anyone waits."""
    if scene.environment.postgres is not None or _PART in scene.broken_parts:
        return None
    path = scene.environment.home / "impasto.sqlite"
    seconds, now = scene.rng.uniform(1, 8), time.time()
    holder = sqlite3.connect(path, timeout=10, isolation_level=None)
    try:
        holder.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        holder.close()
        return None
    scene.restore_after(_PART, seconds, holder.close)
    return Fault("SQLite locked", now, now + seconds)
