"""How attempts and jobs end: done, given back, failed, lost."""

from __future__ import annotations

import pytest

from shared.jobs.lease import (
    complete_job,
    fail_job,
    postpone_job,
    release_job,
    renew_lease,
)
from shared.maintenance.rescue import requeue_expired_leases, wake_backed_off_jobs
from shared.states import JobState, StateReason
from tests.support.job_rows import (
    BROKEN,
    HOPELESS,
    LEASE,
    checkpoint,
    claim,
    columns,
    events,
    lose,
    owner,
    result,
    row,
    submit,
)


def test_a_heartbeat_keeps_a_job_from_being_reaped(db, clock):
    job_id = submit(db)
    claimed = claim(db)
    clock.advance(LEASE - 1)

    told = renew_lease(db, claimed, LEASE, 7, {"phase": "optimizing"})
    clock.advance(LEASE - 1)

    assert (told.state, requeue_expired_leases(db)) == (JobState.RUNNING, [])
    assert row(db, job_id).iteration == 7


def test_a_lost_job_goes_back_in_line_and_on_from_its_checkpoint(db, clock):
    job_id = submit(db)
    first = claim(db, "a")
    checkpoint(db, first, 40)

    assert lose(db, clock) == [(job_id, JobState.QUEUED)]

    assert row(db, job_id).state_reason == StateReason.RECOVERING
    again = claim(db, "b")
    assert (again.job_id, again.fence, again.attempts) == (job_id, 3, 1)
    assert [stored.iteration for stored in again.checkpoints] == [40]


def test_a_completed_job_has_its_picture_and_one_event(db, clock):
    job_id = submit(db)
    claimed = claim(db)

    assert complete_job(db, claimed, result(claimed)) == JobState.SUCCEEDED

    job = row(db, job_id)
    assert job.result_key == f"results/{job_id}/1.png"
    assert (job.iteration, job.lease_until) == (job.iterations, None)
    assert job.finished_at == pytest.approx(clock.now)
    assert events(db, job_id) == ["submit", "claim", "complete"]
    assert (owner(db).queued, owner(db).running) == (0, 0)


def test_a_completed_job_tells_of_its_last_iteration(db, clock):
    job_id = submit(db)
    claimed = claim(db)
    renew_lease(db, claimed, LEASE, 7, {"phase": "loading"})
    last = {"phase": "optimizing", "losses": {"total": 0.5}}

    complete_job(db, claimed, result(claimed, progress=last))

    assert row(db, job_id).progress == last


def test_completing_again_after_a_lost_answer_changes_nothing(db):
    job_id = submit(db)
    claimed = claim(db)
    complete_job(db, claimed, result(claimed))
    before = columns(row(db, job_id))

    assert complete_job(db, claimed, result(claimed)) == JobState.SUCCEEDED

    assert columns(row(db, job_id)) == before
    assert events(db, job_id).count("complete") == 1


def test_a_released_job_costs_no_attempt(db):
    job_id = submit(db)

    assert release_job(db, claim(db)) == JobState.QUEUED

    job = row(db, job_id)
    assert (job.attempts, job.state_reason) == (0, StateReason.RECOVERING)
    assert claim(db, "b").fence == 2


def test_a_failed_attempt_is_tried_again_after_growing_pauses(db, clock):
    job_id = submit(db)
    pauses = []
    for nonce in "abc":
        assert fail_job(db, claim(db, nonce), BROKEN, 10) == JobState.QUEUED
        pauses.append(row(db, job_id).run_after - clock.now)
        assert claim(db, "early") is None
        clock.advance(pauses[-1])
        assert wake_backed_off_jobs(db) == 1

    assert fail_job(db, claim(db, "d"), BROKEN, 10) == JobState.FAILED

    assert pauses == pytest.approx([10, 40, 160])
    assert row(db, job_id).error_code == "engine-error"


def test_a_success_forgets_the_error_before_it(db, clock):
    job_id = submit(db)
    fail_job(db, claim(db, "a"), BROKEN, 10)
    assert row(db, job_id).error_code == "engine-error"
    clock.advance(11)
    wake_backed_off_jobs(db)
    claimed = claim(db, "b")

    complete_job(db, claimed, result(claimed))

    assert row(db, job_id).error_code is None


def test_bad_input_is_never_tried_again(db):
    submit(db)

    assert fail_job(db, claim(db), HOPELESS, 10) == JobState.FAILED


def test_an_outage_costs_no_attempt(db, clock):
    job_id = submit(db)
    for nonce in "abcdef":
        assert postpone_job(db, claim(db, nonce), BROKEN, 30) == JobState.QUEUED
        clock.advance(31)
        wake_backed_off_jobs(db)

    assert row(db, job_id).attempts == 0


def test_a_job_that_kills_its_workers_is_poison_after_three(db, clock):
    job_id = submit(db)
    states = []
    for nonce in "abc":
        claim(db, nonce)
        states += lose(db, clock)

    ended = [(job_id, JobState.QUEUED)] * 2 + [(job_id, JobState.FAILED)]
    assert states == ended
    assert row(db, job_id).error_code == "worker-lost"


def test_a_job_that_makes_checkpoints_is_never_poison(db, clock):
    job_id = submit(db)
    for turn in range(1, 12):
        checkpoint(db, claim(db, str(turn)), turn)
        assert lose(db, clock) == [(job_id, JobState.QUEUED)]

    assert row(db, job_id).attempts == 0
