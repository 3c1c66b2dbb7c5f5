"""Cancel, in every state, and what people may not do."""

from __future__ import annotations

import pytest

from shared.errors import InvalidState, JobNotFound
from shared.jobs.actions import cancel
from shared.jobs.lease import complete_job, fail_job, renew_lease
from shared.queries.jobs import get_job
from shared.states import JobState
from tests.support.job_rows import (
    BROKEN,
    LEASE,
    claim,
    events,
    owner,
    result,
    row,
    submit,
)


def test_canceling_a_queued_job_ends_it_at_once(db):
    job_id = submit(db)

    answer = cancel(db, "own_a", job_id)

    assert (answer.state, answer.done) == (JobState.CANCELED, True)
    assert claim(db) is None
    assert owner(db).queued == 0


@pytest.mark.parametrize(
    "end",
    [
        lambda db, claimed: fail_job(db, claimed, BROKEN, 10),
        lambda db, claimed: complete_job(db, claimed, result(claimed)),
    ],
)
def test_a_canceled_running_job_ends_canceled_however_it_ends(db, end):
    job_id = submit(db)
    claimed = claim(db)

    assert cancel(db, "own_a", job_id).done is False
    assert renew_lease(db, claimed, LEASE, 1, {}).state == JobState.CANCELING
    assert end(db, claimed) == JobState.CANCELED

    job = row(db, job_id)
    assert (job.result_key, job.error_code) == (None, None)
    assert (owner(db).queued, owner(db).running) == (0, 0)


def test_canceling_twice_is_one_event(db):
    job_id = submit(db)
    claim(db)
    cancel(db, "own_a", job_id)

    assert cancel(db, "own_a", job_id).done is False
    assert events(db, job_id).count("cancel") == 1


def test_a_finished_job_cannot_be_canceled_and_the_answer_says_so(db):
    job_id = submit(db)
    claimed = claim(db)
    complete_job(db, claimed, result(claimed))

    with pytest.raises(
        InvalidState, match="it is succeeded; actions allowed now: none"
    ):
        cancel(db, "own_a", job_id)


def test_nobody_sees_or_cancels_the_jobs_of_others(db):
    job_id = submit(db)

    with pytest.raises(JobNotFound):
        get_job(db, "own_b", job_id)
    with pytest.raises(JobNotFound):
        cancel(db, "own_b", job_id)
