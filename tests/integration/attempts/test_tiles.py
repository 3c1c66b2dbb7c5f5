"""Whole attempts at pictures in tiles: when memory is short, and when orders come."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image, ImageChops, ImageStat

from impasto.images.recipe_reader import read_recipe
from shared.jobs.actions import cancel, finish
from shared.states import Completion, JobState
from tests.support.farm import OWNER
from tests.support.fault_injection import Given, tight
from tests.support.processes import wait_until
from worker.attempts.artifacts import ArtifactStore
from worker.lease import Directive, Lease
from worker.runner import Runner

LARGE = {"max_edge": 224, "schedule": ((64, 2), (224, 3))}
SMALLEST_PIXELS = 160 * 160  # of a tile of 64 px and what relu4_2 sees around it


def test_memory_that_runs_out_costs_exactness_but_not_the_picture(
    farm, tools, narrow_weights
):
    undisturbed = farm.submit(notify=False, **LARGE)
    Runner(tools()).run_one()
    job_id = farm.submit(notify=False, **LARGE)
    small = Given(narrow_weights, tight(SMALLEST_PIXELS))

    Runner(replace(tools(), networks=small)).run_one()

    job, whole = farm.job(job_id), farm.job(undisturbed)
    assert (whole.state, whole.exact, whole.warnings) == (JobState.SUCCEEDED, True, [])
    assert (job.state, job.exact) == (JobState.SUCCEEDED, False)
    assert job.exact_reason == "memory ran out: went on in tiles of 64 px"
    assert [warning["code"] for warning in job.warnings] == ["computed-in-tiles"]
    files = [farm.settings.home / "blobs" / each.result_key for each in (job, whole)]
    tilings = [read_recipe(path)["made_with"]["tiling"] for path in files]
    assert tilings == ["64 px", "whole"]
    pictures = [Image.open(path).convert("RGB") for path in files]
    # Gray levels; one iteration changes one on average. No bound for the largest: tiles
    # may decide a tie of max pooling otherwise, which shows in some pixels.
    difference = ImageStat.Stat(ImageChops.difference(*pictures))
    assert max(difference.mean) < 0.25


def test_memory_that_never_suffices_fails_the_job(farm, tools, narrow_weights):
    job_id = farm.submit(notify=False, **LARGE)

    Runner(replace(tools(), networks=Given(narrow_weights, tight(1000)))).run_one()

    job = farm.job(job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, "out-of-memory")


def test_a_worker_leaves_between_two_tiles_and_the_next_makes_the_same(
    farm, tools, narrow_weights
):
    undisturbed = farm.submit(notify=False, tile_px=64, **LARGE)
    looks = []
    watched = Given(narrow_weights, looks.append)
    Runner(replace(tools(), networks=watched)).run_one()
    job_id = farm.submit(notify=False, tile_px=64, **LARGE)
    leaving = tools(checkpoint_seconds=1000)
    in_the_last_iteration, seen = len(looks) - 5, []

    def look(pixels):
        seen.append(pixels)
        if len(seen) == in_the_last_iteration:
            leaving.draining.set()

    Runner(replace(leaving, networks=Given(narrow_weights, look))).run_one()

    job = farm.job(job_id)
    assert (job.state, job.checkpoint_iteration) == (JobState.QUEUED, 4)
    assert len(seen) <= in_the_last_iteration + 1  # the content's look at that tile
    Runner(tools()).run_one()
    job = farm.job(job_id)
    assert (job.state, job.exact) == (JobState.SUCCEEDED, True)
    assert farm.result(job) == farm.result(farm.job(undisturbed))


def test_a_worker_that_leaves_stores_the_checkpoint_first_and_the_preview_last(
    farm, tools, narrow_weights, monkeypatch
):
    job_id = farm.submit(notify=False, tile_px=64, **LARGE)
    leaving = tools(checkpoint_seconds=1000)
    reported, stored = [], []

    class WatchedLease(Lease):
        def report(self, iteration, progress):
            reported.append(iteration)
            super().report(iteration, progress)

        def store_progress(self):
            stored.append(("progress", farm.job(job_id).checkpoint_iteration))
            super().store_progress()

    def save_preview(_store, _snapshot):
        stored.append(("preview", farm.job(job_id).checkpoint_iteration))

    def look(_pixels):
        if reported[-1] == 4:
            leaving.draining.set()

    monkeypatch.setattr("worker.runner.Lease", WatchedLease)
    monkeypatch.setattr(ArtifactStore, "save_preview", save_preview)
    Runner(replace(leaving, networks=Given(narrow_weights, look))).run_one()

    assert stored[-2:] == [("progress", 4), ("preview", 4)]


@pytest.mark.parametrize("action", [cancel, finish])
def test_a_job_in_tiles_ends_before_the_next_one(farm, tools, narrow_weights, action):
    job_id = farm.submit(notify=False, tile_px=64, **LARGE)
    looks = []

    def look(pixels):
        if pixels > 64 * 64:  # of the larger scale
            looks.append(pixels)
        if len(looks) == 20:
            action(farm.db, OWNER, job_id)
            wait_until(lambda: runner.lease.directive() is not Directive.CONTINUE)

    here = tools(heartbeat_seconds=0.02)
    runner = Runner(replace(here, networks=Given(narrow_weights, look)))
    runner.run_one()

    job = farm.job(job_id)
    assert len(looks) <= 20 + 1  # the content's look at that tile
    if action is cancel:
        assert job.state == JobState.CANCELED
    else:
        assert (job.state, job.completion) == (JobState.SUCCEEDED, Completion.EARLY)
        assert 0 < job.iteration < 5
