"""The verbs obeyed by real worker processes, and what the pictures are like then."""

from __future__ import annotations

import signal
import time

import pytest

from shared.db.models.jobs import JobSegment
from shared.jobs.actions import cancel, finish, pause, resume
from shared.jobs.forks import ForkRequest, extend, fork, retry
from shared.jobs.forks import fork as fork_job
from shared.jobs.steering import JobChange, update_job
from shared.jobs.submit import LOCAL_OWNER_ID as OWNER
from shared.jobs.submit import SubmissionLimits
from shared.params.segments import Changes
from shared.states import JobState
from tests.support.job_rows import checkpoints, segments

LONG = {"max_edge": 64, "schedule": ((48, 120), (64, 120))}
ENDLESS = {"max_edge": 64, "schedule": ((64, 5000),)}
SHORT = {"max_edge": 64, "schedule": ((64, 5),)}
LIMITS = SubmissionLimits(100, 100, 4)


def has_checkpoint(job):
    return job.checkpoint_iteration > 0


def is_running(job):
    return job.state == JobState.RUNNING and job.iteration > 0


@pytest.fixture
def undisturbed(farm):
    """A finished job of the same parameters, and the worker that made it."""
    worker = farm.start_worker()
    return farm.wait_end(farm.submit(**LONG)), worker


def test_a_paused_and_resumed_job_ends_with_the_same_bytes(farm_on_both):
    farm = farm_on_both
    farm.start_worker()
    plain = farm.wait_end(farm.submit(**LONG))
    job_id = farm.submit(**LONG)
    before = farm.wait(job_id, is_running)

    pause(farm.db, OWNER, job_id)
    paused = farm.wait(job_id, lambda job: job.state == JobState.PAUSED)

    assert paused.checkpoint_iteration >= before.iteration > 0
    assert farm.wait_end(farm.submit(**SHORT)).state == JobState.SUCCEEDED, "it is free"
    assert farm.job(job_id).state == JobState.PAUSED
    resume(farm.db, OWNER, job_id)
    job = farm.wait_end(job_id)
    assert (job.state, job.exact, job.attempts) == (JobState.SUCCEEDED, True, 1)
    assert farm.resumed_from(job_id) == [paused.checkpoint_iteration]
    assert farm.result(job) == farm.result(plain)


def test_a_job_resumed_at_once_is_never_stuck_whatever_the_worker_did(farm):
    farm.start_worker()
    job_id = farm.submit(**LONG)
    farm.wait(job_id, is_running)

    for _ in range(5):
        pause(farm.db, OWNER, job_id)
        time.sleep(0.3)
        resume(farm.db, OWNER, job_id)

    assert farm.wait_end(job_id).state == JobState.SUCCEEDED


def test_finishing_keeps_the_picture_and_the_true_number_of_iterations(
    farm, undisturbed
):
    plain, _ = undisturbed
    job_id = farm.submit(**LONG)
    before = farm.wait(job_id, is_running)

    finish(farm.db, OWNER, job_id)

    job = farm.wait_end(job_id)
    assert (job.state, job.completion) == (JobState.SUCCEEDED, "early")
    assert before.iteration <= job.iteration < job.iterations
    assert job.checkpoint_iteration == job.iteration, "for whoever wants to go on"
    assert farm.result(job) != farm.result(plain)


def test_a_paused_job_is_finished_from_its_checkpoint(farm):
    farm.start_worker()
    job_id = farm.submit(**LONG)
    farm.wait(job_id, is_running)
    pause(farm.db, OWNER, job_id)
    paused = farm.wait(job_id, lambda job: job.state == JobState.PAUSED)

    finish(farm.db, OWNER, job_id)

    job = farm.wait_end(job_id)
    assert (job.state, job.completion) == (JobState.SUCCEEDED, "early")
    assert job.iteration == paused.checkpoint_iteration


def test_an_extension_of_what_was_finished_early_equals_a_longer_run(farm, undisturbed):
    """Finished in the middle and extended by nothing new: the same picture."""
    plain, _ = undisturbed
    bare = {"embed_recipe": False}  # the recipes differ
    job_id = farm.submit(**LONG, **bare)
    farm.wait(job_id, is_running)
    finish(farm.db, OWNER, job_id)
    early = farm.wait_end(job_id)

    child_id = extend(farm.db, OWNER, job_id, 10, LIMITS)

    child = farm.wait_end(child_id)
    assert (child.state, child.exact) == (JobState.SUCCEEDED, True)
    assert farm.resumed_from(child_id) == [early.iteration]
    assert child.iteration == plain.iteration + 10
    longer = farm.submit(max_edge=64, schedule=((48, 120), (64, 130)), **bare)
    assert farm.result(child) == farm.result(farm.wait_end(longer))


def test_a_fork_without_changes_and_a_retry_give_the_same_picture(farm, undisturbed):
    plain, _ = undisturbed
    stored = checkpoints(farm.db, plain.id)
    job_id = farm.submit(**LONG)
    running = farm.wait(job_id, has_checkpoint)
    cancel(farm.db, OWNER, job_id)
    farm.wait_end(job_id)
    kept = checkpoints(farm.db, job_id)[0].iteration

    again = retry(farm.db, OWNER, job_id, LIMITS)
    fork = fork_job(farm.db, OWNER, job_id, ForkRequest(kept), LIMITS)

    assert stored[-1].iteration == plain.iterations
    assert running.checkpoint_iteration > 0
    for child_id in (again, fork):
        child = farm.wait_end(child_id)
        assert (child.state, child.exact) == (JobState.SUCCEEDED, True)
        assert farm.resumed_from(child_id) != []
        assert farm.result(child) == farm.result(plain)


def test_checkpoints_are_kept_for_forks_where_they_were_asked_for(farm, undisturbed):
    job_id = farm.submit(keep_every=50, **LONG)
    job = farm.wait_end(job_id)

    kept = [row.iteration for row in checkpoints(farm.db, job_id) if row.kept]

    assert kept == [50, 100, 150, 200]
    child_id = fork(farm.db, OWNER, job.id, ForkRequest(100), LIMITS)
    assert farm.result(farm.wait_end(child_id)) == farm.result(undisturbed[0])


def test_a_job_past_its_time_is_canceled_and_its_worker_free(farm):
    farm.start_worker()
    job_id = farm.submit(**ENDLESS)
    farm.wait(job_id, is_running)
    soon = {"cancel_after": farm.db.time() + 1}
    update_job(farm.db, OWNER, job_id, JobChange(attributes=soon))

    assert farm.wait_end(job_id).state == JobState.CANCELED
    assert farm.wait_end(farm.submit(**SHORT)).state == JobState.SUCCEEDED


def test_a_steered_job_records_where_the_change_began_and_goes_on(farm):
    farm.start_worker()
    job_id = farm.submit(**LONG)
    before = farm.wait(job_id, is_running)

    change = JobChange(Changes(style_weight=100))
    assert update_job(farm.db, OWNER, job_id, change).done is False

    job = farm.wait_end(job_id)
    ((began, changes),) = segments(farm.db, job_id)
    assert changes == {"style_weight": 100.0}
    assert before.iteration <= began < job.iterations
    assert (job.state, job.exact) == (JobState.SUCCEEDED, True)


def test_a_steered_job_killed_in_the_middle_equals_a_replay_of_its_segments(farm):
    first = farm.start_worker()
    job_id = farm.submit(**LONG)
    farm.wait(job_id, has_checkpoint)
    update_job(farm.db, OWNER, job_id, JobChange(Changes(style_weight=100)))
    farm.wait(job_id, lambda _: segments(farm.db, job_id)[0][0] is not None)
    first.send_signal(signal.SIGKILL)
    first.wait()
    farm.start_worker()
    steered = farm.wait_end(job_id)
    assert (steered.state, steered.exact) == (JobState.SUCCEEDED, True)
    assert farm.resumed_from(job_id)[0] > 0

    replay_id = retry(farm.db, OWNER, _canceled_twin(farm, job_id), LIMITS)

    replay = farm.wait_end(replay_id)
    assert farm.resumed_from(replay_id) == []
    assert farm.result(replay) == farm.result(steered)
    plain = farm.wait_end(farm.submit(**LONG))
    assert farm.result(steered) != farm.result(plain)


def _canceled_twin(farm, job_id):
    """A job of the same parameters and segments that has never run."""
    twin = farm.submit(notify=False, **LONG)
    cancel(farm.db, OWNER, twin)
    with farm.db.write() as session:
        for began, changes in segments(farm.db, job_id):
            session.add(JobSegment(job_id=twin, from_iteration=began, changes=changes))
    return twin
