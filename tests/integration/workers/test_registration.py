"""The roll: one live worker per device of a host, and who is told to drain."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from shared.commands.workers import app
from shared.db.database import Database
from shared.errors import DeviceTaken
from shared.queries.jobs import read_live_workers
from shared.workers.process_identity import current_process_identity, has_exited
from shared.workers.registry import (
    Registration,
    WorkerStatus,
    heartbeat_worker,
    list_workers,
    register_worker,
    set_host_draining,
    set_worker_draining,
)

FIRST = Registration("wkr_1", "box", "GPU-1", "cuda", "name", 2**30, {})
SECOND = replace(FIRST, worker_id="wkr_2")


def test_a_second_worker_on_the_same_device_is_refused_by_name(db):
    register_worker(db, FIRST)

    with pytest.raises(DeviceTaken, match="wkr_1 already computes on GPU-1"):
        register_worker(db, SECOND)

    register_worker(db, replace(SECOND, device_uuid="GPU-2"))
    assert [entry.id for entry in list_workers(db)] == ["wkr_1", "wkr_2"]


def test_the_same_device_name_on_another_host_is_another_device(postgresql_url, clock):
    db = Database(postgresql_url, clock)
    register_worker(db, FIRST)
    register_worker(db, replace(SECOND, host="other"))

    assert len(list_workers(db)) == 2
    db.close()


def test_a_worker_that_enters_again_is_the_same(db):
    register_worker(db, FIRST)
    register_worker(db, FIRST)

    assert len(list_workers(db)) == 1


def test_a_stale_row_is_taken_over_and_its_worker_is_told(db, clock):
    register_worker(db, FIRST)
    clock.advance(31)

    register_worker(db, SECOND)

    assert [entry.id for entry in list_workers(db)] == ["wkr_2"]
    assert heartbeat_worker(db, "wkr_1", None) is WorkerStatus.UNREGISTERED
    with pytest.raises(DeviceTaken):
        register_worker(db, FIRST)


def test_a_worker_whose_process_is_gone_is_replaced_at_once(db):
    command = (
        "from shared.workers.process_identity import current_process_identity;"
        "print(current_process_identity())"
    )
    ended = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert has_exited(ended)
    register_worker(db, replace(FIRST, process=ended))

    register_worker(db, SECOND)

    assert [entry.id for entry in list_workers(db)] == ["wkr_2"]


@pytest.mark.parametrize(
    "process",
    ["", current_process_identity(), "other-boot:pid:[1]/1/2"],
    ids=["unknown", "alive", "elsewhere"],
)
def test_a_process_that_is_alive_or_unknown_keeps_its_place(db, process):
    register_worker(db, replace(FIRST, process=process))

    with pytest.raises(DeviceTaken):
        register_worker(db, SECOND)


def test_of_many_that_come_at_once_one_gets_the_device(database_url):
    db = Database(database_url)

    def come(number):
        try:
            register_worker(db, replace(FIRST, worker_id=f"wkr_{number}"))
        except DeviceTaken:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        came = list(pool.map(come, range(6)))

    assert came.count(True) == 1
    db.close()


def test_a_worker_hears_of_a_drain_and_of_its_end_when_it_is_seen(db):
    register_worker(db, FIRST)
    assert heartbeat_worker(db, "wkr_1", None) is WorkerStatus.ACTIVE

    assert set_worker_draining(db, "wkr_1", draining=True) == ["wkr_1"]
    assert heartbeat_worker(db, "wkr_1", "job_1", 0.5) is WorkerStatus.DRAINING
    assert set_host_draining(db, "box", draining=False) == ["wkr_1"]
    assert heartbeat_worker(db, "wkr_1", None) is WorkerStatus.ACTIVE

    assert set_worker_draining(db, "wkr_9", draining=True) == []
    assert read_live_workers(db)[0].seconds_per_mpx_iteration == 0.5


def test_a_drained_worker_that_dies_is_drained_when_it_comes_back(db, clock):
    register_worker(db, FIRST)
    set_host_draining(db, "box", draining=True)
    clock.advance(31)

    register_worker(db, SECOND)

    assert heartbeat_worker(db, "wkr_2", None) is WorkerStatus.DRAINING


def test_the_roll_tells_who_is_alive_stale_dead_or_draining(db, clock):
    for number, pause in enumerate([80, 19, 1, 0]):
        register_worker(
            db, replace(FIRST, worker_id=f"w{number}", device_uuid=f"d{number}")
        )
        clock.advance(pause)
    set_worker_draining(db, "w3", draining=True)

    assert [entry.state for entry in list_workers(db)] == [
        "dead", "stale", "alive", "draining",
    ]  # fmt: skip


def test_the_command_lists_drains_and_names_what_it_does_not_know(database_url):
    now = Database(database_url)
    register_worker(now, FIRST)
    now.close()

    def admin(*words):
        return CliRunner().invoke(
            app, words, env={"IMPASTO_DATABASE_URL": database_url}
        )

    assert admin("drain", "--host", "box").stdout == "wkr_1\n"
    titles, line = admin("list").stdout.splitlines()
    assert titles.split() == ["ID", "HOST", "DEVICE", "STATE", "JOB", "LAST", "SEEN"]
    assert line.split()[:5] == ["wkr_1", "box", "GPU-1", "draining", "-"]
    unknown = admin("undrain", "wkr_9")
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert "no worker 'wkr_9'" in unknown.stderr
    assert admin("drain").exit_code == 2
