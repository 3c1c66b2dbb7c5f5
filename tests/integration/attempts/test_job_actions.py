"""The actions obeyed in the middle of an attempt, and the pictures they lead to."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from shared.db.models.jobs import JobSegment
from shared.jobs.actions import cancel, finish, pause
from shared.jobs.forks import ForkRequest, extend, fork, retry
from shared.jobs.steering import JobChange, update_job
from shared.jobs.submit import SubmissionLimits
from shared.params.segments import Changes
from shared.queries.jobs import read_latest_frame
from shared.states import JobState
from tests.integration.attempts.conftest import SMALL
from tests.support.farm import OWNER
from tests.support.job_rows import checkpoints, segments
from tests.support.processes import wait_until
from worker.attempts import artifacts
from worker.lease import Directive
from worker.runner import Runner

LIMITS = SubmissionLimits(100, 100, 4)
STEERING = JobChange(Changes(style_weight=100))


@pytest.fixture
def work(farm, tools):
    """Runs the job that is due, with an action in the middle of it."""

    def start(job_id, act=None):
        asked = []

        def mood(verb, key):
            if act and not asked and verb == "put" and key.startswith("checkpoints/"):
                asked.append(act())
                wait_until(lambda: runner.lease.directive() is not Directive.CONTINUE)

        runner = Runner(tools(mood, heartbeat_seconds=0.02, preview_seconds=1000))
        assert runner.run_one()
        return farm.job(job_id)

    return start


@pytest.fixture
def plain(farm, work):
    """A job that nobody disturbed."""
    return work(farm.submit(notify=False, **SMALL))


def test_a_paused_job_is_finished_from_its_checkpoint(farm, work):
    job_id = farm.submit(notify=False, **SMALL)
    paused = work(job_id, lambda: pause(farm.db, OWNER, job_id))
    assert paused.state == JobState.PAUSED

    finish(farm.db, OWNER, job_id)

    job = work(job_id)
    assert (job.state, job.completion) == (JobState.SUCCEEDED, "early")
    assert job.iteration == paused.checkpoint_iteration


@pytest.mark.parametrize("action", [pause, finish, cancel])
def test_a_job_that_its_worker_lets_go_of_shows_its_last_iteration(farm, work, action):
    job_id = farm.submit(notify=False, **SMALL)

    job = work(job_id, lambda: action(farm.db, OWNER, job_id))

    assert job.state != JobState.RUNNING
    shown = (job.iteration, job.progress["iteration"])
    assert shown == (read_latest_frame(farm.db, job_id).iteration,) * 2
    assert job.iteration > 0


def test_a_job_of_a_drained_worker_shows_the_iteration_it_goes_on_from(farm, tools):
    job_id = farm.submit(notify=False, **SMALL)
    leaving = tools(preview_seconds=1000)
    leaving.storage.mood = lambda verb, key: (
        leaving.draining.set() if key.startswith("checkpoints/") else None
    )

    assert Runner(leaving).run_one()

    job = farm.job(job_id)
    assert job.state == JobState.QUEUED
    assert read_latest_frame(farm.db, job_id).iteration == job.checkpoint_iteration > 1


def test_the_preview_of_a_finished_job_shows_its_picture_and_the_thumbnail_is_small(
    farm, work, monkeypatch
):
    monkeypatch.setattr(artifacts, "THUMB_EDGE_PX", 32)
    job = work(farm.submit(notify=False, tv_weight=20, **SMALL))

    frame = read_latest_frame(farm.db, job.id)
    keys = (frame.key, frame.thumb_key)
    preview, thumb = (Image.open(BytesIO(farm.storage.get(key))) for key in keys)
    result = Image.open(BytesIO(farm.result(job))).convert("RGB")
    assert (preview.size, max(thumb.size)) == (result.size, 32)
    for shown in (preview, thumb):
        both = (shown, result.resize(shown.size))
        grays = [np.asarray(picture.convert("L"), float) for picture in both]
        assert np.abs(grays[0] - grays[1]).mean() < 4, "gray levels that JPEG loses"


def test_an_extension_of_what_was_finished_early_equals_a_longer_run(farm, work):
    bare = {"notify": False, "embed_recipe": False}  # the recipes differ
    job_id = farm.submit(**bare, **SMALL)
    early = work(job_id, lambda: finish(farm.db, OWNER, job_id))

    child = work(extend(farm.db, OWNER, job_id, 3, LIMITS))

    longer = work(farm.submit(max_edge=64, schedule=((48, 3), (64, 8)), **bare))
    assert (early.state, early.completion) == (JobState.SUCCEEDED, "early")
    assert 0 < early.iteration == early.checkpoint_iteration < early.iterations
    assert (child.state, child.exact) == (JobState.SUCCEEDED, True)
    assert child.iteration == longer.iteration == 3 + 8
    assert farm.result(child) == farm.result(longer)


def test_a_fork_without_changes_and_a_retry_give_the_same_picture(farm, work, plain):
    job_id = farm.submit(notify=False, **SMALL)
    canceled = work(job_id, lambda: cancel(farm.db, OWNER, job_id))
    kept = ForkRequest(checkpoints(farm.db, job_id)[0].iteration)

    forked = work(fork(farm.db, OWNER, job_id, kept, LIMITS))
    retried = work(retry(farm.db, OWNER, job_id, LIMITS))

    assert canceled.state == JobState.CANCELED
    for child in (forked, retried):
        assert (child.state, child.exact) == (JobState.SUCCEEDED, True)
        assert farm.result(child) == farm.result(plain)


def test_checkpoints_are_kept_for_forks_where_they_were_asked_for(farm, work):
    job_id = farm.submit(notify=False, keep_every=3, **SMALL)
    job = work(job_id)

    kept = [row.iteration for row in checkpoints(farm.db, job_id) if row.kept]

    assert kept == [3, 6]
    child = work(fork(farm.db, OWNER, job_id, ForkRequest(3), LIMITS))
    assert farm.result(child) == farm.result(job)


def test_a_steered_job_that_is_interrupted_equals_a_replay_of_its_segments(
    farm, tools, work, plain
):
    job_id = farm.submit(notify=False, **SMALL)
    leaving = tools(heartbeat_seconds=0.02)

    def steer_and_leave(verb, key):
        if verb != "put" or not key.startswith("checkpoints/"):
            return
        if not segments(farm.db, job_id):
            update_job(farm.db, OWNER, job_id, STEERING)
            wait_until(lambda: runner.lease.directive() is Directive.STEER)
        elif segments(farm.db, job_id)[0][0] is not None:
            leaving.draining.set()

    leaving.storage.mood = steer_and_leave
    runner = Runner(leaving)
    runner.run_one()
    assert farm.job(job_id).state == JobState.QUEUED
    steered = work(job_id)

    ((began, changes),) = segments(farm.db, job_id)
    assert changes == {"style_weight": 100.0}
    assert 0 < began < steered.iterations
    assert (steered.state, steered.exact) == (JobState.SUCCEEDED, True)
    replay_id = farm.submit(notify=False, **SMALL)
    with farm.db.write() as session:
        session.add(JobSegment(job_id=replay_id, from_iteration=began, changes=changes))
    assert farm.result(work(replay_id)) == farm.result(steered)
    assert farm.result(steered) != farm.result(plain)
