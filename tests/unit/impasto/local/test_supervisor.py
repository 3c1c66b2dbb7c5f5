"""Children that end: restarted, given up on, or stopped with all they started."""

from __future__ import annotations

import os
import sys
import time

import pytest

from impasto.errors import RestartLimitReached
from impasto.local.process import ChildProcess, ProcessSpec
from impasto.local.supervisor import FarmSupervisor, RestartPolicy
from tests.support.processes import is_alive, wait_until

HASTE = RestartPolicy(quick_seconds=60, max_quick_failures=3, pause_seconds=0.01)
SLEEP_THE_SECOND_TIME = "time.sleep(60 if len(open(starts).readlines()) > 1 else 0)"


@pytest.fixture
def said():
    return []


@pytest.fixture
def supervisor(said):
    supervisor = FarmSupervisor(said.append, HASTE)
    yield supervisor
    supervisor.stop()


@pytest.fixture
def child(tmp_path):
    """A small Python program as a child; `starts` has a line per start."""

    def make(code, name="small", stop_seconds=5.0):
        note = (
            f"starts = {str(tmp_path / 'starts')!r}\nopen(starts, 'a').write('x\\n')\n"
        )
        command = (sys.executable, "-c", f"import sys, time, os\n{note}{code}")
        spec = ProcessSpec(name, command, tmp_path / f"{name}.log", stop_seconds)
        return ChildProcess(spec, os.environ)

    return make


def starts(tmp_path):
    path = tmp_path / "starts"
    return len(path.read_text().splitlines()) if path.exists() else 0


def tend_until(supervisor, condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        supervisor.supervise(0.02)


def test_a_child_that_ends_is_started_again(supervisor, child, said, tmp_path):
    dying = child(SLEEP_THE_SECOND_TIME)
    supervisor.start(dying)

    tend_until(supervisor, lambda: starts(tmp_path) == 2)

    assert said[0].startswith("small ended with exit 0")


def test_a_child_that_keeps_dying_ends_the_stack_with_its_last_words(supervisor, child):
    supervisor.start(child("sys.exit('no disk')"))

    with pytest.raises(RestartLimitReached, match="no disk") as caught:
        supervisor.supervise(20)

    assert "3 times in a row" in str(caught.value)
    assert str(caught.value).count("no disk") == 1  # of the last try only
    assert "small.log" in caught.value.hint


def test_exit_75_asks_for_a_fresh_process_as_often_as_it_likes(
    supervisor, child, tmp_path
):
    supervisor.start(child("sys.exit(75)"))

    tend_until(supervisor, lambda: starts(tmp_path) > HASTE.max_quick_failures)


def test_stopping_lets_a_child_end_in_its_own_way(supervisor, child, tmp_path):
    calm = child(
        "import signal\n"
        "def end(*_): sys.exit(print('bye', flush=True))\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('up', flush=True)\n"
        "time.sleep(60)"
    )
    supervisor.start(calm)
    tend_until(supervisor, lambda: calm.last_lines() == ["up"])

    supervisor.stop()

    assert calm.last_lines() == ["up", "bye"]
    assert not is_alive(calm.pid)


def test_a_child_that_will_not_end_is_killed_with_all_it_started(supervisor, child):
    stubborn = child(
        "import signal, subprocess\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print(subprocess.Popen(['sleep', '60']).pid, flush=True)\n"
        "time.sleep(60)",
        stop_seconds=0.1,
    )
    supervisor.start(stubborn)
    tend_until(supervisor, stubborn.last_lines)
    grandchild = int(stubborn.last_lines()[0])

    supervisor.stop()

    assert not is_alive(stubborn.pid)
    wait_until(lambda: not is_alive(grandchild))


def test_what_a_dead_child_left_behind_is_killed_before_the_next_start(
    supervisor, child, tmp_path
):
    leaving = child(
        "import subprocess\n"
        "print(subprocess.Popen(['sleep', '60']).pid, flush=True)\n"
        + SLEEP_THE_SECOND_TIME
    )
    supervisor.start(leaving)
    tend_until(supervisor, lambda: starts(tmp_path) == 2)

    left_behind = int(leaving.spec.log_path.read_text().splitlines()[0])
    wait_until(lambda: not is_alive(left_behind))
