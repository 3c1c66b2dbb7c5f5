"""A disk that is really full: a file system of a few MB under the blobs of a farm."""

from __future__ import annotations

import subprocess

import pytest

from shared.states import JobState
from tests.support.farm import Farm
from worker.runner import Runner


@pytest.fixture
def small_disk(tmp_path):
    """`blobs` on a file system of 3 MB, where the system lets us mount one."""
    folder = tmp_path / "blobs"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a file system needs privileges")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def farm(small_disk, tmp_path, sqlite_url, redis_server, weights_dir):
    farm = Farm(tmp_path, sqlite_url, redis_server.url, weights_dir)
    yield farm
    farm.close()


def fill(folder):
    """Leave no room at all."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return ballast


def test_a_full_disk_keeps_the_old_checkpoint_and_the_job_goes_on(
    farm, small_disk, tools
):
    """It is full from the second checkpoint on, until the result is to be stored."""
    job_id = farm.submit(notify=False, max_edge=64, schedule=[(64, 6)])
    kept, ballast = [], []

    def mood(verb, key):
        if verb == "put" and key.startswith("checkpoints/"):
            if kept and not ballast:
                ballast.append(fill(small_disk))
            kept.append(key)
        if verb == "put" and key.startswith("results/"):
            assert farm.storage.get(kept[0])
            ballast[0].unlink(missing_ok=True)

    assert Runner(tools(mood)).run_one()

    job = farm.job(job_id)
    assert (job.state, job.checkpoint_iteration) == (JobState.SUCCEEDED, 1)
    assert job.warnings[0]["code"] == "checkpoint-skipped"
    assert "No space left" in job.warnings[0]["message"]
