"""The file that says that a worker of this host is alive."""

from __future__ import annotations

import os
import socket
import time
from contextlib import closing

import pytest

from shared.db.database import Database
from shared.workers.registry import Registration, register_worker
from worker.health import (
    HEARTBEAT_FILE_SECONDS,
    is_heartbeat_file_fresh,
    main,
    touch_heartbeat_file,
)


@pytest.mark.parametrize(
    ("age_in_limits", "is_fresh"), [(0, True), (0.5, True), (2, False), (-2, False)]
)
def test_a_heartbeat_counts_unless_it_is_old_or_from_before_the_clock_was_set_back(
    tmp_path, age_in_limits, is_fresh
):
    touch_heartbeat_file(tmp_path)
    (heartbeat_file,) = tmp_path.iterdir()
    touched_at = time.time() - age_in_limits * HEARTBEAT_FILE_SECONDS
    os.utime(heartbeat_file, (touched_at, touched_at))

    assert is_heartbeat_file_fresh(tmp_path) is is_fresh


def test_without_a_heartbeat_no_worker_is_alive(tmp_path):
    assert not is_heartbeat_file_fresh(tmp_path)


def test_a_worker_of_this_host_is_known_to_be_alive(sqlite_url, monkeypatch):
    monkeypatch.setenv("IMPASTO_DATABASE_URL", sqlite_url)
    host = socket.gethostname()
    assert main() == 1
    with closing(Database(sqlite_url)) as database:
        about = ("wkr_1", host, "cpu-0", "cpu", "CPU", 2**30, {})
        register_worker(database, Registration(*about))

    assert main() == 0
    monkeypatch.setattr(socket, "gethostname", lambda: f"not-{host}")
    assert main() == 1


def test_while_the_database_is_away_the_heartbeat_file_decides(tmp_path, monkeypatch):
    away = "postgresql+psycopg://x@/x?host=/nonexistent"
    monkeypatch.setenv("IMPASTO_DATABASE_URL", away)
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path))

    assert main() == 1
    touch_heartbeat_file(tmp_path)
    assert main() == 0
