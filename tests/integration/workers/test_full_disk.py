"""A disk that is really full: a file system of a few MB under the blobs of a farm."""

from __future__ import annotations

import signal
import subprocess

import pytest

from shared.states import JobState
from tests.support.farm import LONG, Farm


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


def test_a_full_disk_keeps_the_old_checkpoint_and_the_job_goes_on_from_it(
    farm, small_disk
):
    worker = farm.start_worker()
    undisturbed = farm.wait_end(farm.submit(**LONG))
    job_id = farm.submit(**LONG)
    farm.wait(job_id, lambda job: job.checkpoint_iteration > 0)

    ballast = fill(small_disk)
    warned = farm.wait(job_id, lambda job: job.warnings or job.finished_at)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    ballast.unlink()
    farm.start_worker()

    ended = farm.wait_end(job_id)
    assert warned.warnings[0]["code"] in {"checkpoint-skipped", "result-not-stored-yet"}
    assert "No space left" in warned.warnings[0]["message"]
    assert (ended.state, ended.exact) == (JobState.SUCCEEDED, True)
    assert farm.resumed_from(job_id)[0] > 0
    assert farm.result(ended) == farm.result(undisturbed)
