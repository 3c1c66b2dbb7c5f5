"""Faults of databases: loss of power, of connections, of commits; a held lock."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING

from chaos.farm.infrastructure import crash
from chaos.farm.replicated_postgresql import ReplicatedPostgres
from chaos.faults.durations import draw_outage_seconds
from chaos.records import Fault, LostCommits

if TYPE_CHECKING:
    from chaos.farm.running_farm import RunningFarm

_PART = "database"
_UNSHIPPED_SECONDS = (0.5, 5.0)


def lose_power(scene: RunningFarm) -> Fault | None:
    """Kill PostgreSQL as a power cut would, and start it again after an outage."""
    server = scene.environment.postgres
    if server is None or _PART in scene.broken_parts:
        return None
    seconds, now = draw_outage_seconds(scene.rng), time.time()
    crash(server)
    scene.restore_after(_PART, seconds, server.start)
    return Fault("PostgreSQL stopped hard", now, now + seconds)


def cut_connections(scene: RunningFarm) -> Fault | None:
    """End every session of PostgreSQL, in the middle of any statement."""
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


def fail_over(scene: RunningFarm) -> Fault | None:
    """Kill PostgreSQL, and promote a standby that lacks the last commits.

    The replication stops some seconds before. Clients whose commits are lost get no
    notice of that.
    """
    server = scene.environment.postgres
    if not isinstance(server, ReplicatedPostgres) or _PART in scene.broken_parts:
        return None
    since = server.stop_shipping()
    unshipped, away = scene.rng.uniform(*_UNSHIPPED_SECONDS), scene.rng.uniform(0.1, 4)

    def promote() -> None:
        server.promote()
        scene.records.lost_commits.append(LostCommits(since, time.time()))

    def die() -> None:
        server.kill()
        scene.restore_after(_PART, away, promote)

    scene.broken_parts.add(_PART)
    scene.delayed.schedule(unshipped, die)
    return Fault("PostgreSQL failed over", since, since + unshipped + away)


def hold_the_lock(scene: RunningFarm) -> Fault | None:
    """Hold the write lock of SQLite, at times longer than any process waits for it."""
    if scene.environment.postgres is not None or _PART in scene.broken_parts:
        return None
    path = scene.environment.home / "impasto.sqlite"
    seconds, now = draw_outage_seconds(scene.rng), time.time()
    holder = sqlite3.connect(path, timeout=10, isolation_level=None)
    try:
        holder.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        holder.close()
        return None
    scene.restore_after(_PART, seconds, holder.close)
    return Fault("SQLite locked", now, now + seconds)
