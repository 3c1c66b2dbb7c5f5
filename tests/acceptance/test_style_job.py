"""The main job as a person does it: the command line, the API, the whole farm."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import httpx2
from PIL import Image

from tests.acceptance.farm import CONTENT, STYLE
from tests.support.processes import PATIENCE_SECONDS, wait_until

TINY = ["--max-edge", "64", "--schedule", "64:5"]
ENDLESS = ["--max-edge", "64", "--schedule", "64:3000"]


def test_one_command_makes_a_picture_of_sixteen_bits_with_nothing_running(
    farm, tmp_path
):
    out = tmp_path / "picture.tiff"

    done = farm.run("run", CONTENT, STYLE, "-o", out, "--bit-depth", 16, *TINY)
    told = farm.run("recipe", out)

    assert done.returncode == 0, done.stderr
    with Image.open(out) as picture:
        assert (picture.format, picture.size) == ("TIFF", (64, 43))
        assert picture.tag_v2[258] == (16, 16, 16)
    assert json.loads(told.stdout)["params"]["schedule"] == [[64, 5]]
    assert not (farm.home / "stack.json").exists()
    assert farm.open_to_others() == []  # it made the folder itself


def test_a_job_goes_the_whole_way_through_the_api(up):
    with httpx2.Client(base_url=up.url) as client:
        submitted = client.post(
            "/v1/jobs",
            files={"content": CONTENT.read_bytes(), "style": STYLE.read_bytes()},
            data={"params": json.dumps({"max_edge": 64, "schedule": [[64, 5]]})},
        )
        assert submitted.status_code == 202
        assert int(submitted.headers["Retry-After"]) >= 1
        path = submitted.headers["Location"]
        ended = {"Prefer": "wait=60"}
        job = client.get(f"{path}?until=terminal", headers=ended, timeout=90).json()
        assert (job["state"], job["progress"]["fraction"]) == ("succeeded", 1.0)
        result = client.get(job["urls"]["result"])
        assert result.headers["Content-Type"] == "image/png"
        assert client.get(job["urls"]["latest_frame"]).status_code == 200
        assert client.get("/").status_code == 200
        assert client.get("/readyz").status_code == 200


def test_a_second_up_names_the_first_and_leaves_it_alone(up):
    second = up.run("up")

    assert second.returncode == 1
    assert up.url in second.stderr
    assert up.process.poll() is None


def test_ctrl_c_during_watch_leaves_the_job_running_and_says_how_to_come_back(up):
    job_id = up.submitted(*ENDLESS)
    watch = subprocess.Popen(
        [sys.executable, "-m", "impasto", "watch", job_id],
        env=up.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    up.wait_until_worked_at(job_id)
    assert job_id in watch.stderr.readline()  # now it watches

    watch.send_signal(signal.SIGINT)
    _, said = watch.communicate(timeout=PATIENCE_SECONDS)

    assert watch.returncode == 130
    assert f"impasto watch {job_id}" in said
    assert up.show(job_id)["state"] == "running"
    assert up.run("cancel", job_id).returncode == 0
    wait_until(lambda: up.show(job_id)["state"] == "canceled")


def test_jobs_outlive_the_farm_that_runs_them_and_no_process_does(up):
    job_id = up.submitted(*ENDLESS)
    before = up.wait_until_worked_at(job_id)
    up.end(signal.SIGTERM)

    up.up()

    after = up.wait_until_worked_at(job_id)
    assert after["fence"] > before["fence"]
    assert after["progress"]["iteration"] >= before["last_checkpoint"]["iteration"]
    assert up.run("cancel", job_id).returncode == 0


def test_a_bad_picture_is_refused_with_a_reason(up, tmp_path):
    bad = tmp_path / "not-a-picture.png"
    bad.write_text("this is text")

    done = up.run("submit", bad, STYLE)

    assert done.returncode == 1
    assert "PHOTO: this is not a picture" in done.stderr


def test_without_a_farm_the_commands_say_what_to_start(farm):
    done = farm.run("ls")

    assert done.returncode == 7
    assert "impasto up" in done.stderr
