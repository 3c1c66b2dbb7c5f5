"""The losses that whole attempts in this process leave behind, and their origin."""

from __future__ import annotations

import hashlib

from shared.jobs.checkpoints import read_loss_history
from shared.states import JobState
from tests.support.farm import picture
from worker.runner import Runner

SMALL = {"max_edge": 64, "schedule": ((48, 6), (64, 8))}


def test_every_iteration_of_a_short_job_is_on_its_curve(farm, tools):
    job_id = farm.submit(notify=False, **SMALL)

    Runner(tools()).run_one()

    points = read_loss_history(farm.db, job_id)
    assert [point[0] for point in points] == list(range(1, 15))
    assert [point[1] for point in points] == [0] * 6 + [1] * 8
    assert all(loss >= 0 for point in points for loss in point[2:])
    assert points[5][2] < points[0][2]


def test_a_job_that_was_interrupted_has_one_curve(farm, tools):
    undisturbed = farm.submit(notify=False, **SMALL)
    Runner(tools()).run_one()
    job_id = farm.submit(notify=False, keep_every=9, **SMALL)

    def leave_at_nine(verb, key):
        if verb == "put" and key.endswith("-9.safetensors"):
            kit.draining.set()

    kit = tools(leave_at_nine)
    Runner(kit).run_one()
    assert farm.job(job_id).state == JobState.QUEUED
    assert 0 < len(read_loss_history(farm.db, job_id)) < 14
    Runner(tools()).run_one()

    assert farm.job(job_id).state == JobState.SUCCEEDED
    assert read_loss_history(farm.db, job_id) == read_loss_history(farm.db, undisturbed)


def test_a_finished_job_tells_what_its_bits_depend_on(farm, tools):
    job_id = farm.submit(notify=False, seed=7, **SMALL)

    Runner(tools()).run_one()

    origin = farm.job(job_id).provenance
    assert origin["inputs"]["content"] == hashlib.sha256(picture(7)).hexdigest()
    assert set(origin["inputs"]) == {"content", "style", "weights"}
    assert {"torch", "impasto", "device", "threads"} <= set(origin["maker"])


def test_an_exploration_tells_it_too(farm, tools):
    job_id = farm.submit_exploration(notify=False, layers=("relu1_1",), max_edge=64)

    Runner(tools()).run_one()

    assert len(farm.job(job_id).provenance["inputs"]["picture"].split(",")) == 9
