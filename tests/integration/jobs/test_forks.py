"""Forks, extensions and retries: new jobs that go on from others."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import delete

from shared.db.database import Database
from shared.db.models.jobs import Checkpoint
from shared.errors import InvalidParams, InvalidState, NoSuchCheckpoint, QueueFull
from shared.jobs.forks import ForkRequest, extend, retry
from shared.jobs.forks import extend as extend_job
from shared.jobs.forks import fork as fork_job
from shared.jobs.lease import complete_job, fail_job
from shared.jobs.steering import JobChange, begin_segments, update_job
from shared.jobs.submit import SubmissionLimits
from shared.params.segments import Changes
from shared.queries.jobs import read_job_events
from tests.support.databases import ON_BOTH
from tests.support.job_rows import (
    HOPELESS,
    LIMITS,
    checkpoint,
    checkpoints,
    claim,
    columns,
    result,
    row,
    submit,
)

OWNER = "own_a"


def fork(db, job_id, iteration, limits=LIMITS, **changes):
    wanted = ForkRequest(iteration, Changes(**changes))
    return fork_job(db, OWNER, job_id, wanted, limits)


@pytest.fixture
def parent(db):
    """A finished job with two checkpoints, steered at 15 and 25."""
    job_id = submit(db, name="cat", priority=1, keep_every=10)
    claimed = claim(db)
    for iteration, weight in ((15, 3), (25, 5)):
        change = JobChange(Changes(style_weight=weight))
        update_job(db, OWNER, job_id, change)
        begin_segments(db, claimed, iteration)
        checkpoint(db, claimed, iteration - 5)
    complete_job(db, claimed, result(claimed))
    return job_id


@ON_BOTH
def test_a_fork_goes_on_from_a_checkpoint_in_its_own_way(db, parent):
    before = columns(row(db, parent))

    child = row(db, fork(db, parent, 20, tv_weight=1, iterations=90))

    assert columns(row(db, parent)) == before
    lineage = (child.parent_id, child.parent_iteration, child.relation)
    assert lineage == (parent, 20, "fork")
    assert (child.state, child.name, child.priority) == ("queued", "cat", 1)
    assert (child.iteration, child.checkpoint_iteration) == (20, 20)
    assert child.iterations == 100 + 60 + 90
    claimed = claim(db, "b")
    assert [one.iteration for one in claimed.checkpoints] == [20]
    assert [one.from_iteration for one in claimed.segments] == [15, 20]
    assert claimed.inputs["content"][0].key == "assets/ab"


def test_a_fork_that_only_finishes_is_asked_to_from_its_first_moment(db, parent):
    wanted = ForkRequest(20, finish=True)

    child_id = fork_job(db, OWNER, parent, wanted, LIMITS)

    assert row(db, child_id).finish_requested
    assert [one.event for one in read_job_events(db, child_id, 0, 9)] == [
        *("submit", "finish")
    ]
    assert claim(db, "b").finish_requested


def test_a_fork_needs_a_checkpoint_there_and_is_told_where_there_are_some(db, parent):
    with pytest.raises(NoSuchCheckpoint) as refused:
        fork(db, parent, 12)

    assert refused.value.members == {"checkpoints": [10, 20]}


def test_an_extension_adds_to_the_last_scale_and_keeps_every_segment(db, parent):
    child = row(db, extend(db, OWNER, parent, 300, LIMITS))

    assert (child.relation, child.parent_iteration) == ("extend", 20)
    assert child.iterations == row(db, parent).iterations + 300
    found = claim(db, "b").segments
    assert [one.from_iteration for one in found] == [15, 20, 25]
    assert [one.changes.style_weight for one in found] == [3, None, 5]


def test_an_extension_outdoes_a_change_of_iterations_after_its_checkpoint(db):
    job_id = submit(db)
    claimed = claim(db)
    checkpoint(db, claimed, 20)
    update_job(db, OWNER, job_id, JobChange(Changes(iterations=80)))
    begin_segments(db, claimed, 25)
    complete_job(db, claimed, result(claimed))

    child = row(db, extend(db, OWNER, job_id, 300, LIMITS))

    assert child.iterations == 100 + 60 + 80 + 300


def test_an_extension_of_a_picture_that_stood_still_begins_where_it_stood(db):
    job_id = submit(db)
    claimed = claim(db)
    checkpoint(db, claimed, 180)
    complete_job(db, claimed, result(claimed, iterations=180))

    extend(db, OWNER, job_id, 300, LIMITS)

    assert [one.from_iteration for one in claim(db, "b").segments] == [180]


def test_an_extension_beyond_all_limits_is_refused(db, parent):
    with pytest.raises(InvalidParams, match="at most 20000"):
        extend(db, OWNER, parent, 20_000, LIMITS)


def test_what_the_janitor_is_about_to_drop_is_not_extended(postgresql_url):
    db, raised = Database(postgresql_url), []
    job_id = submit(db)
    claimed = claim(db)
    checkpoint(db, claimed, 20)
    complete_job(db, claimed, result(claimed))

    def extend():
        try:
            extend_job(db, OWNER, job_id, 300, LIMITS)
        except Exception as error:  # noqa: BLE001 - for the test to look at
            raised.append(error)

    extending = threading.Thread(target=extend)
    with db.write() as session:
        session.execute(delete(Checkpoint))
        extending.start()
        extending.join(0.5)
        assert extending.is_alive(), "it waits for who has locked the checkpoint"
    extending.join()

    assert [type(error) for error in raised] == [InvalidState]
    db.close()


@ON_BOTH
def test_a_retry_goes_on_from_the_last_checkpoint_or_from_the_start(db):
    job_id = submit(db)
    claimed = claim(db)
    checkpoint(db, claimed, 30)
    fail_job(db, claimed, HOPELESS, 10)

    again = row(db, retry(db, OWNER, job_id, LIMITS))
    anew = row(db, retry(db, OWNER, job_id, LIMITS, from_start=True))

    assert (again.relation, again.parent_iteration, again.checkpoint_iteration) == (
        "retry", 30, 30
    )  # fmt: skip
    assert (anew.parent_iteration, checkpoints(db, anew.id)) == (0, [])
    assert (again.attempts, again.error_code) == (0, None)


def test_a_child_counts_as_a_waiting_job(db, parent):
    tight = SubmissionLimits(max_queued_per_owner=1, max_queued=80, max_attempts=4)
    fork(db, parent, 20, tight)

    with pytest.raises(QueueFull):
        fork(db, parent, 20, tight)


def test_a_blob_is_dropped_with_the_last_row_that_names_it(db):
    parent = submit(db)
    held = claim(db)
    checkpoint(db, held, 10)
    child = fork(db, parent, 10)
    (shared,) = {row.key for row in checkpoints(db, child)}

    dropped = [key for done in (20, 30) for key in checkpoint(db, held, done)]
    assert shared not in dropped

    held = claim(db, "b")
    assert held.job_id == child
    dropped = [key for done in (11, 12) for key in checkpoint(db, held, done)]
    assert dropped == [shared]


def test_children_of_others_are_nobody_elses_business(db, parent):
    with pytest.raises(Exception, match="does not exist"):
        retry(db, "own_b", parent, LIMITS)
