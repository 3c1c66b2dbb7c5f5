"""Whole attempts in this process, with a storage that misbehaves."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import Mock

import torch
from PIL import Image

from api.app import create_app
from shared.clock import SYSTEM_CLOCK
from shared.db.database import Database
from shared.errors import StorageError
from shared.jobs.actions import cancel
from shared.maintenance.rescue import requeue_expired_leases
from shared.queries.jobs import read_frames, read_latest_frame
from shared.states import JobState, StateReason
from tests.integration.attempts.conftest import SMALL
from tests.support.farm import OWNER
from tests.support.fault_injection import Given, full_for
from worker.devices.networks import NetworkCache
from worker.runner import Runner


def test_a_job_becomes_a_picture_with_previews_and_checkpoints(farm, tools):
    job_id = farm.submit(notify=False, **SMALL)

    # The first preview comes at once, the second one with the end.
    assert Runner(tools(preview_seconds=1000)).run_one() is True

    job = farm.job(job_id)
    assert (job.state, job.exact) == (JobState.SUCCEEDED, True)
    assert (job.result_width, job.result_height) == (64, 43)
    first, last = read_frames(farm.db, job_id)
    assert (first.iteration, first.width) == (1, 48)
    assert (last.iteration, last.width) == (8, 64)
    assert first.losses["total"] > last.losses["total"] > 0
    assert job.checkpoint_iteration == 8, "where it ended, for whoever wants to go on"
    assert job.warnings == []
    assert farm.outputs(job) == {}, "the result alone"


def test_with_nothing_to_do_the_worker_says_so(tools):
    assert Runner(tools()).run_one() is False


def test_a_worker_that_has_to_leave_claims_nothing(farm, tools):
    job_id = farm.submit(notify=False, **SMALL)
    leaving = tools()
    leaving.draining.set()

    assert Runner(leaving).run_one() is False
    assert farm.job(job_id).state == JobState.QUEUED


def test_a_full_disk_skips_checkpoints_and_previews_and_the_job_goes_on(farm, tools):
    job_id = farm.submit(notify=False, **SMALL)

    Runner(tools(full_for(("checkpoints/", "frames/")))).run_one()

    job = farm.job(job_id)
    assert job.state == JobState.SUCCEEDED
    (warning,) = job.warnings
    assert warning["code"] == "checkpoint-skipped"
    assert "no space left" in warning["message"]
    assert read_latest_frame(farm.db, job_id) is None


def test_a_result_waits_for_room_and_is_then_stored_whole(farm, tools):
    job_id = farm.submit(notify=False, **SMALL)

    Runner(tools(full_for("results/", times=3))).run_one()

    job = farm.job(job_id)
    assert job.state == JobState.SUCCEEDED
    assert [warning["code"] for warning in job.warnings] == ["result-not-stored-yet"]
    with Image.open(farm.settings.home / "blobs" / job.result_key) as picture:
        picture.load()


def test_a_disk_that_stays_full_puts_the_job_back_without_costing_an_attempt(
    farm, tools
):
    job_id = farm.submit(notify=False, **SMALL)

    Runner(tools(full_for("results/"), save_timeout_seconds=0.05)).run_one()

    job = farm.job(job_id)
    assert (job.state, job.state_reason) == (JobState.QUEUED, StateReason.BACKING_OFF)
    assert (job.attempts, job.error_code) == (0, "storage-full")


def test_a_job_canceled_while_its_result_waits_for_room_is_canceled(farm, tools):
    job_id = farm.submit(notify=False, **SMALL)
    full = full_for("results/")

    def mood(verb, key):
        if verb == "put" and key.startswith("results/"):
            cancel(farm.db, OWNER, job_id)
        return full(verb, key)

    Runner(tools(mood, heartbeat_seconds=0.02)).run_one()

    assert farm.job(job_id).state == JobState.CANCELED


def test_an_unreachable_storage_puts_the_job_back_for_a_while(farm, tools):
    job_id = farm.submit(notify=False, **SMALL)
    away = tools(lambda verb, key: StorageError("away") if verb == "get" else None)

    Runner(away).run_one()

    job = farm.job(job_id)
    assert (job.state, job.attempts) == (JobState.QUEUED, 0)
    assert job.error_code == "storage-unavailable"


def test_a_picture_that_changed_in_storage_fails_the_job_for_good(farm, tools):
    job_id = farm.submit(notify=False, **SMALL)
    blobs = farm.settings.home / "blobs" / "assets"
    for path in blobs.iterdir():
        path.write_bytes(path.read_bytes()[:-1] + b"x")

    Runner(tools()).run_one()

    job = farm.job(job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, "picture-damaged")
    assert "upload the picture again" in job.error_hint


def test_a_vanished_picture_is_tried_again_later(farm, tools):
    job_id = farm.submit(notify=False, **SMALL)
    for path in (farm.settings.home / "blobs" / "assets").iterdir():
        path.unlink()

    Runner(tools()).run_one()

    job = farm.job(job_id)
    assert (job.state, job.error_code) == (JobState.QUEUED, "picture-missing")


def test_a_loss_that_is_no_number_fails_the_job_with_advice(
    farm, tools, narrow_weights
):
    job_id = farm.submit(notify=False, **SMALL)
    huge = {name: tensor * 1e4 for name, tensor in narrow_weights.items()}

    runner = Runner(replace(tools(), networks=Given(huge)))

    runner.run_one()
    job = farm.job(job_id)
    assert (job.state, job.error_code) == (JobState.QUEUED, "diverged")

    runner.run_one()  # carefully, which does not help here
    job = farm.job(job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, "diverged")
    assert "lower style_weight" in job.error_hint


def test_damaged_checkpoints_cost_time_but_not_the_picture(farm, tools):
    undisturbed = farm.submit(notify=False, **SMALL)
    Runner(tools()).run_one()
    job_id = farm.submit(notify=False, **SMALL)
    leaving = tools()

    def leave_after_a_checkpoint(verb, key):
        if key.startswith("checkpoints/"):
            leaving.draining.set()

    leaving.storage.mood = leave_after_a_checkpoint
    Runner(leaving).run_one()
    assert farm.job(job_id).checkpoint_iteration > 0
    for path in (farm.settings.home / "blobs" / "checkpoints" / job_id).iterdir():
        path.write_bytes(b"damaged")

    Runner(tools()).run_one()

    job = farm.job(job_id)
    assert (job.state, job.exact) == (JobState.SUCCEEDED, True)
    assert farm.result(job) == farm.result(farm.job(undisturbed))


def test_a_network_without_weights_fails_with_the_command_that_fetches_them(
    farm, tools
):
    job_id = farm.submit(notify=False, network="vgg19", **SMALL)

    networks = NetworkCache(farm.settings, torch.device("cpu"))
    Runner(replace(tools(), networks=networks)).run_one()

    job = farm.job(job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, "weights-missing")
    assert "impasto weights fetch" in job.error_hint


def test_a_worker_that_lost_its_job_deletes_its_result_and_writes_nothing(farm, tools):
    job_id = farm.submit(notify=False, **SMALL)
    stolen = []

    def steal(verb, key):
        if verb == "put" and key.startswith("results/") and not stolen:
            stolen.append(key)
            later = Database(
                farm.settings.database_url, lambda: farm.job(job_id).lease_until + 1
            )
            assert requeue_expired_leases(later) == [(job_id, JobState.QUEUED)]
            later.close()

    here = tools(steal)
    Runner(here).run_one()

    job = farm.job(job_id)
    assert (job.state, job.result_key) == (JobState.QUEUED, None)
    assert ("delete", stolen[0]) in here.storage.calls
    assert not (farm.settings.home / "blobs" / stolen[0]).exists()


def test_a_scale_that_ended_early_has_its_checkpoint_too(farm, tools):
    kept = []

    def mood(verb, key):
        if verb == "put" and key.startswith("checkpoints/"):
            kept.append(int(key.rpartition("-")[2].removesuffix(".safetensors")))

    # Its steps only become shorter: from 3 gray levels in the first ten iterations.
    farm.submit(
        notify=False,
        max_edge=64,
        schedule=((48, 40), (64, 40)),
        optimizer="gd",
        early_stop=10.0,
    )

    Runner(tools(mood, checkpoint_seconds=1000)).run_one()

    of_first, of_last = kept
    assert of_first < 40, "it stood still before all of its iterations were done"
    assert 40 < of_last < 80


def test_what_an_extension_shows_makes_the_same_picture_when_it_is_submitted(
    farm, tools
):
    url = f"/v1/jobs/{farm.submit(notify=False, embed_recipe=False, **SMALL)}"
    runner = Runner(tools())
    runner.run_one()
    client = create_app(
        farm.settings, farm.db, farm.storage, Mock(), SYSTEM_CLOCK
    ).test_client()
    fork = {"from": {"iteration": 8}, "params": {"style_weight": 30, "iterations": 6}}
    for action, body in (("fork", fork), ("extend", {"iterations": 2})):
        made = client.post(f"{url}/{action}", json=body)
        assert made.status_code == 202, made.text
        url = made.json["urls"]["self"]
        runner.run_one()
    extended = client.get(url).json
    assert [one["from_iteration"] for one in extended["segments"]] == [8, 9]

    known = {"params": extended["params"], "segments": extended["segments"]}
    again = client.post("/v1/jobs", json=known)
    assert again.status_code == 202, again.text
    runner.run_one()

    repeated = client.get(again.json["urls"]["self"]).json
    assert repeated["progress"]["iteration"] == 3 + 6 + 2
    assert repeated["outputs"][0]["sha256"] == extended["outputs"][0]["sha256"]
