"""Explorations through the queue: whole attempts here, and real worker processes."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image
from sqlalchemy import select

from shared.db.database import Database
from shared.db.models.workers import Pace
from shared.errors import StorageFull
from shared.jobs.actions import cancel
from shared.jobs.claim import Device, claim_job
from shared.jobs.lease import JobResult, StoredOutput, WrittenBlob, complete_job
from shared.maintenance.rescue import requeue_expired_leases
from shared.queries.details import load_details
from shared.queries.jobs import get_output
from shared.states import JobState, StateReason
from tests.support.farm import OWNER
from tests.support.processes import wait_until
from worker.runner import Runner

SMALL = {"layers": ("relu1_1", "relu3_1"), "top_k": 2, "max_edge": 64}
FILES = ["relu1_1.png", "relu3_1.png", "patches.json"]


def blobs(farm, job_id):
    folder = farm.settings.home / "blobs" / "results" / job_id
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_an_exploration_becomes_a_sheet_per_layer_and_the_places(farm, tools):
    job_id = farm.submit_exploration(notify=False, **SMALL)

    assert Runner(tools()).run_one() is True

    job = farm.job(job_id)
    assert (job.kind, job.state, job.exact) == ("explore", JobState.SUCCEEDED, True)
    assert (job.iteration, job.iterations) == (9, 9)
    files = farm.outputs(job)
    assert list(files) == FILES
    assert farm.result(job) == files["relu1_1.png"]
    with Image.open(io.BytesIO(files["relu1_1.png"])) as sheet:
        assert sheet.size == (job.result_width, job.result_height)
    assert len(job.provenance["inputs"]["picture"].split(",")) == 9
    places = json.loads(files["patches.json"])
    assert len(places["pictures"]) == 9
    by_unit = {}
    for patch in places["patches"]:
        unit = by_unit.setdefault((patch["layer"], patch["unit"]), [])
        unit.append(patch["activation"])
        left, top, right, bottom = patch["box"]
        side = places["layers"][patch["layer"]]["size"]
        assert (right - left, bottom - top) == (side, side)
    assert len(by_unit) == 2 * SMALL["top_k"]
    for activations in by_unit.values():
        assert len(activations) == 9
        assert activations == sorted(activations, reverse=True)


def test_explorations_are_measured_and_the_next_one_is_estimated(farm, tools):
    farm.submit_exploration(notify=False, **SMALL)
    assert Runner(tools()).run_one()
    with farm.db.read() as session:
        (row,) = session.scalars(select(Pace)).all()
    assert row.method == "explore vgg16 relu3_1"
    second = farm.submit_exploration(notify=False, **SMALL)

    told = []

    def estimate():
        return (farm.job(second).progress or {}).get("iteration_seconds")

    def look_at_the_estimate(verb, key):
        if key.startswith("assets/") and not told:
            told.append(wait_until(estimate))

    assert Runner(tools(look_at_the_estimate, heartbeat_seconds=0.02)).run_one()

    expected = row.seconds_per_mpx_iteration * SMALL["max_edge"] ** 2 / 1e6
    assert told[0] == [pytest.approx(expected)]


def test_canceled_in_the_middle_it_leaves_nothing(farm, tools):
    job_id = farm.submit_exploration(notify=False, **SMALL)

    def cancel_at_the_first_checkpoint(verb, key):
        if verb == "put" and key.startswith("checkpoints/"):
            cancel(farm.db, OWNER, job_id)

    Runner(tools(cancel_at_the_first_checkpoint, heartbeat_seconds=1e-3)).run_one()

    assert farm.job(job_id).state == JobState.CANCELED
    assert blobs(farm, job_id) == []


def test_canceled_while_it_is_stored_it_leaves_nothing(farm, tools):
    job_id = farm.submit_exploration(notify=False, **SMALL)

    def mood(verb, key):
        if verb == "put" and key.endswith("-relu3_1.png"):
            cancel(farm.db, OWNER, job_id)
            return StorageFull("no space left on this device")
        return None

    Runner(tools(mood, heartbeat_seconds=0.02)).run_one()

    assert farm.job(job_id).state == JobState.CANCELED
    assert blobs(farm, job_id) == []


def test_without_room_it_goes_back_in_line_and_leaves_nothing(farm, tools):
    job_id = farm.submit_exploration(notify=False, **SMALL)

    def mood(verb, key):
        if verb == "put" and key.endswith("patches.json"):
            return StorageFull("no space left on this device")
        return None

    Runner(tools(mood, save_timeout_seconds=0.05)).run_one()

    job = farm.job(job_id)
    assert (job.state, job.state_reason) == (JobState.QUEUED, StateReason.BACKING_OFF)
    assert blobs(farm, job_id) == []


def test_a_worker_that_lost_it_deletes_every_file_and_writes_no_row(farm, tools):
    job_id = farm.submit_exploration(notify=False, **SMALL)
    stolen = []

    def steal(verb, key):
        if verb == "put" and key.endswith("patches.json") and not stolen:
            stolen.append(key)
            later = Database(
                farm.settings.database_url, lambda: farm.job(job_id).lease_until + 1
            )
            assert requeue_expired_leases(later) == [(job_id, JobState.QUEUED)]
            later.close()

    Runner(tools(steal)).run_one()

    job = farm.job(job_id)
    assert (job.state, farm.outputs(job)) == (JobState.QUEUED, {})
    assert blobs(farm, job_id) == []


def test_left_and_resumed_it_gives_the_same_bytes_without_looking_again(farm, tools):
    undisturbed = farm.submit_exploration(notify=False, **SMALL)
    Runner(tools()).run_one()
    job_id = farm.submit_exploration(notify=False, **SMALL)
    leaving = tools()
    read = []

    def leave_at_the_fourth_picture(verb, key):
        if key.startswith("assets/"):
            read.append(key)
            if len(read) == 4:
                leaving.draining.set()

    leaving.storage.mood = leave_at_the_fourth_picture
    Runner(leaving).run_one()
    assert farm.job(job_id).checkpoint_iteration == 4

    again = tools()
    Runner(again).run_one()

    job = farm.job(job_id)
    assert (job.state, job.exact) == (JobState.SUCCEEDED, True)
    assert farm.outputs(job) == farm.outputs(farm.job(undisturbed))
    read = [key for verb, key in again.storage.calls if verb == "get"]
    # Five that were not looked at yet, and nine to cut patches from.
    assert len([key for key in read if key.startswith("assets/")]) == 5 + 9


def test_completing_twice_keeps_one_set_of_files(farm):
    job_id = farm.submit_exploration(notify=False, **SMALL)
    claim = claim_job(farm.db, Device("w", "cpu", 2**40), "n", 30)
    written = WrittenBlob(f"results/{job_id}/1-a.png", "ab" * 32, 3)
    output = StoredOutput("a.png", written, "image/png", 8, 8)
    result = JobResult(written, 8, 8, exact=True, outputs=(output,))

    assert complete_job(farm.db, claim, result) == JobState.SUCCEEDED
    assert complete_job(farm.db, claim, result) == JobState.SUCCEEDED

    job = farm.job(job_id)
    (row,) = load_details(farm.db, [job]).outputs[job_id]
    assert (row.name, row.key) == ("a.png", written.key)
    assert get_output(farm.db, job_id, "a.png").bytes == 3
