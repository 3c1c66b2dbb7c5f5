"""The file that says that a worker of this host is alive."""

from __future__ import annotations

import os
import time

import pytest

from worker.health import (
    HEARTBEAT_FILE_SECONDS,
    is_heartbeat_file_fresh,
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
