"""What of `make compose-check` runs without containers: its ends, and its evidence."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from deploy.resume_checks import CheckFailed, describe_picture, resumed_at
from impasto.client.models import Job
from tests.support.processes import PATIENCE_SECONDS, wait_until

ROOT = Path(__file__).parents[3]
# A docker whose builds end as told; it writes down what it was asked for.
DOCKER = """#!/bin/sh
echo "$*" >> "{log}"
case "$*" in *" build") {build};; esac
"""


def check_with(folder, build):
    """Start the check with a docker of that kind, and say what docker was asked."""
    log = folder / "log"
    docker = folder / "docker"
    docker.write_text(DOCKER.format(log=log, build=build))
    docker.chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.compose_check"],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return process, log


def asked(log):
    """The commands of compose, each as its project and its words."""
    lines = log.read_text().splitlines() if log.exists() else []
    words = [line.split() for line in lines]
    return [(each[2], each[5:]) for each in words if each[1] == "-p"]


def test_a_build_that_fails_is_told_and_everything_taken_down(tmp_path):
    process, log = check_with(tmp_path, "echo no space left >&2; exit 17")
    said, why = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == 1
    ending = "compose-check: FAILED: compose build: exit code 17"
    assert said.splitlines()[-1] == ending
    assert "no space left" in why
    (first, *_, last) = asked(log)
    assert first[1] == ["version"]
    assert last == (first[0], ["down", "-v", "--remove-orphans"])


def test_told_to_end_it_takes_everything_down_first(tmp_path):
    process, log = check_with(tmp_path, "exec sleep 60")
    wait_until(lambda: "build" in [words[0] for _, words in asked(log)])
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == 1
    assert said.splitlines()[-1] == "compose-check: FAILED: interrupted"
    assert asked(log)[-1][1][0] == "down"


def job(checkpoint=40):
    return Job(id="job_1", state="running", checkpoints=[{"iteration": checkpoint}])


def logs(*events):
    lines = [json.dumps({"event": event, **more}) for event, more in events]
    return "\n".join(["plain words", *lines, '{"event": "cut o'])


def test_the_iteration_it_went_on_from_is_read_from_the_logs():
    said = logs(
        ("job_resumed", {"job_id": "job_2", "iteration": 10}),
        ("job_resumed", {"job_id": "job_1", "iteration": 60}),
    )

    assert resumed_at(said, job()) == 60


@pytest.mark.parametrize(
    "said",
    [
        logs(("worker_started", {"slot": "cpu"})),
        logs(("job_resumed", {"job_id": "job_1", "iteration": 20})),
        logs(("job_resumed", {"job_id": "job_2", "iteration": 60})),
    ],
)
def test_a_job_that_began_anew_did_not_go_on(said):
    with pytest.raises(CheckFailed, match="40 was kept"):
        resumed_at(said, job())


def test_a_picture_is_described(tmp_path):
    path = tmp_path / "picture.png"
    Image.linear_gradient("L").resize((64, 48)).save(path)

    assert describe_picture(path, 64).startswith("PNG of 64 x 48, ")


@pytest.mark.parametrize(("size", "color"), [((64, 48), "red"), ((32, 24), None)])
def test_one_color_or_another_size_is_no_picture(tmp_path, size, color):
    path = tmp_path / "picture.png"
    picture = Image.new("RGB", size, color) if color else Image.linear_gradient("L")
    picture.resize(size).save(path)

    with pytest.raises(CheckFailed, match="no picture"):
        describe_picture(path, 64)


def test_half_a_file_does_not_decode(tmp_path):
    path = tmp_path / "picture.png"
    Image.effect_noise((64, 48), 50).save(path)
    path.write_bytes(path.read_bytes()[:-1000])

    with pytest.raises(CheckFailed, match="does not decode"):
        describe_picture(path, 64)
