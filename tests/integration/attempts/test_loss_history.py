"""The losses that whole attempts in this process leave behind."""

from __future__ import annotations

from shared.jobs.checkpoints import read_loss_history
from shared.states import JobState
from tests.integration.attempts.conftest import SMALL
from worker.runner import Runner


def test_a_job_that_was_interrupted_has_one_curve(farm, tools):
    undisturbed = farm.submit(notify=False, **SMALL)
    Runner(tools()).run_one()
    job_id = farm.submit(notify=False, keep_every=5, **SMALL)

    def leave_at_five(verb, key):
        if verb == "put" and key.endswith("-5.safetensors"):
            kit.draining.set()

    kit = tools(leave_at_five)
    Runner(kit).run_one()
    assert farm.job(job_id).state == JobState.QUEUED
    assert 0 < len(read_loss_history(farm.db, job_id)) < 8
    Runner(tools()).run_one()

    assert farm.job(job_id).state == JobState.SUCCEEDED
    points = read_loss_history(farm.db, job_id)
    assert [point[:2] for point in points] == [[n, int(n > 3)] for n in range(1, 9)]
    assert points == read_loss_history(farm.db, undisturbed)
