"""A tethered command ends with its parent, even when that one is killed outright."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.processes import is_alive, wait_until

# A parent that starts a tethered child, says its pid, and waits to be killed.
PARENT = """
import os, subprocess, sys, time
tether = [sys.executable, *{tether!r}, str(os.getpid()), "--"]
child = subprocess.Popen([*tether, *{command!r}])
print(child.pid, flush=True)
time.sleep(60)
"""
EXEC = ("-m", "impasto.local.parent_death")
STAY = (
    "-c",
    """import sys; from impasto.local.parent_death import run_until_parent_ends
sys.exit(run_until_parent_ends(int(sys.argv[1]), sys.argv[3:]))""",
)
SAY_PID = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"


@pytest.mark.parametrize(
    "tether",
    [
        pytest.param(
            EXEC, marks=pytest.mark.skipif(sys.platform != "linux", reason="prctl")
        ),
        STAY,
    ],
    ids=["exec", "stay"],
)
def test_a_child_ends_when_its_parent_is_killed(tether):
    command = [sys.executable, "-c", SAY_PID]
    code = PARENT.format(tether=tether, command=command)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as parent:
        pids = [int(parent.stdout.readline()) for _ in range(2)]
        parent.kill()

    wait_until(lambda: not any(is_alive(pid) for pid in pids))


def test_a_tether_whose_parent_is_already_gone_starts_nothing():
    command = [
        sys.executable,
        "-m",
        "impasto.local.parent_death",
        "1",
        "--",
        "echo",
        "started",
    ]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (1, "")


def test_staying_beside_reports_how_the_command_ended():
    command = [sys.executable, *STAY, str(os.getpid()), "--", "sh", "-c", "exit 7"]

    assert subprocess.run(command, check=False).returncode == 7
