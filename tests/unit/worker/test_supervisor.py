"""Reading --devices, sharing out the cores, and keeping the workers running."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.support.processes import PATIENCE_SECONDS, wait_until
from worker.supervisor import plan_slots

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"


def test_cpu_times_n_makes_n_slots_that_share_the_cores():
    slots = plan_slots("cpu*2", None)

    share = str(max(1, len(os.sched_getaffinity(0)) // 2))
    assert [slot.name for slot in slots] == ["cpu-0", "cpu-1"]
    assert [slot.arguments for slot in slots] == [
        ["--device", "cpu", "--memory-share", "2", "--slot", number] for number in "01"
    ]
    assert {slot.environment["OMP_NUM_THREADS"] for slot in slots} == {share}


def test_a_number_of_threads_is_taken_as_given():
    (slot,) = plan_slots("cpu", 3)

    assert slot.environment["IMPASTO_WORKER_THREADS"] == "3"


def test_all_finds_at_least_one_device():
    assert plan_slots("all", None)


@pytest.fixture
def two_gpus(monkeypatch, tmp_path):
    """A program in the place of Python that finds the devices of another machine."""
    found = [{"device_class": "cuda", "uuid": f"GPU-{number}"} for number in (1, 2)]
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho '{json.dumps(found)}'\n")
    python.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(python))


@pytest.mark.parametrize("devices", ["", "gpu", "cpu*0", "cuda", "cpu,", "cuda:x"])
def test_what_cannot_be_read_is_refused_with_the_choices(devices):
    with pytest.raises(ValueError, match=r"use all, cpu, cpu\*N, mps or cuda:N"):
        plan_slots(devices, None)


@pytest.mark.usefixtures("two_gpus")
def test_a_cuda_device_that_is_not_there_is_named():
    assert plan_slots("cuda:1", None)
    with pytest.raises(ValueError, match="cuda:2 is not there"):
        plan_slots("cuda:2", None)


def test_a_worker_on_mps_falls_back_to_the_cpu_for_what_is_missing_there():
    (slot,) = plan_slots("mps", None)

    assert slot.environment["PYTORCH_ENABLE_MPS_FALLBACK"] == "1"


@pytest.mark.usefixtures("two_gpus")
def test_every_device_gets_the_environment_of_its_class():
    slots = plan_slots("all,cpu", None)

    seen = [
        [slot.environment.get(name) for name in ("CUDA_VISIBLE_DEVICES", WORKSPACE)]
        for slot in slots
    ]
    assert seen == [["GPU-1", ":4096:8"], ["GPU-2", ":4096:8"], [None, None]]


# In place of Python as a worker: notes its arguments, and SIGTERM a little later, so
# that a supervisor that does not wait for it ends before the note.
WORKER = """#!/bin/sh
trap 'sleep 0.3; echo "$$ SIGTERM" >> "$NOTES"; exit 0' TERM
echo "$$ $*" >> "$NOTES"
while :; do sleep 0.05; done
"""
FLEET = """
import sys
from worker.supervisor import main
sys.executable = sys.argv.pop(1)
sys.exit(main())
"""


@pytest.fixture
def notes(tmp_path):
    """Reads the notes of the workers, as pairs of a process id and a text."""
    path = tmp_path / "notes"
    path.touch()
    return lambda: [line.split(" ", 1) for line in path.read_text().splitlines()]


@pytest.fixture
def fleet(tmp_path, notes):
    """A supervisor of two workers on the CPU."""
    worker = tmp_path / "worker"
    worker.write_text(WORKER)
    worker.chmod(0o755)
    own = {"IMPASTO_HOME": str(tmp_path), "NOTES": str(tmp_path / "notes")}
    command = [sys.executable, "-c", FLEET, str(worker), "--devices", "cpu*2"]
    fleet = subprocess.Popen(command, env={**os.environ, **own})
    yield fleet
    fleet.kill()
    fleet.wait()


def test_each_slot_has_a_worker_again_after_a_kill_and_all_end_on_sigterm(fleet, notes):
    wait_until(lambda: len(notes()) == 2)
    (first, of_first), (second, of_second) = notes()
    assert sorted([of_first, of_second]) == [
        f"-m worker.app --device cpu --memory-share 2 --slot {slot}" for slot in "01"
    ]

    os.kill(int(first), signal.SIGKILL)
    wait_until(lambda: len(notes()) == 3)
    third, of_third = notes()[2]
    assert (third != first, of_third) == (True, of_first)

    fleet.terminate()
    assert fleet.wait(PATIENCE_SECONDS) == 0
    assert sorted(notes()[3:]) == sorted([[second, "SIGTERM"], [third, "SIGTERM"]])
