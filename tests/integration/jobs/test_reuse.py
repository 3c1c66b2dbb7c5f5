"""Which of several equal jobs is taken, on both databases."""

from __future__ import annotations

from shared.jobs.lease import complete_job
from shared.jobs.submit import select_reusable_job
from tests.support.databases import ON_BOTH
from tests.support.job_rows import claim, result, submit

OWNER = "own_a"


def found(db, digest, reuse="finished_or_active"):
    with db.read() as session:
        return select_reusable_job(session, OWNER, digest, reuse)


@ON_BOTH
def test_one_that_is_done_is_taken_before_a_newer_one_that_waits(db, clock):
    old, done = (submit(db, params_digest="d") for _ in range(2))
    for job_id in (old, done):
        clock.advance(1)
        claimed = claim(db, job_id)
        complete_job(db, claimed, result(claimed))
    clock.advance(1)
    waits = submit(db, params_digest="d")
    clock.advance(1)

    assert found(db, "d") in {old, done}
    assert found(db, "d") != waits


@ON_BOTH
def test_of_those_that_wait_the_newest_is_taken(db, clock):
    submit(db, params_digest="d")
    clock.advance(1)
    newer = submit(db, params_digest="d")

    assert found(db, "d") == newer
    assert found(db, "d", "finished") is None


def test_nothing_is_equal_to_work_without_a_digest(db):
    submit(db)

    assert found(db, None) is None
