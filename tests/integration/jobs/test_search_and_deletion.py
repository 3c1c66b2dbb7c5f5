"""Searching, families and deletions, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from shared.db.models.jobs import Checkpoint, Frame, JobLossHistory, JobSearchTerm
from shared.errors import InvalidState, JobPurged
from shared.jobs.actions import cancel
from shared.jobs.checkpoints import (
    NewFrame,
    add_frame,
    store_loss_history,
)
from shared.jobs.deletion import purge_job
from shared.jobs.forks import ForkRequest, fork
from shared.jobs.lease import complete_job
from shared.queries.jobs import get_job, read_lineage
from shared.queries.listing import JobFilters, count_jobs, query_jobs
from shared.states import JobState
from tests.support.databases import ON_BOTH
from tests.support.job_rows import (
    LIMITS,
    checkpoint,
    claim,
    events,
    result,
    submit,
)


def listed(db, **filters):
    return [job.id for job in query_jobs(db, "own_a", 9, None, JobFilters(**filters))]


@pytest.fixture
def three(db, clock):
    made = []
    for name, tags in (("Red one", ("x",)), ("red TWO", ("x", "y")), ("blue", ("y",))):
        clock.advance(1)
        made.append(submit(db, name=name, tags=tags))
    submit(db, "own_b", name="red", tags=("x",))
    return made


@ON_BOTH
def test_filters_go_together(db, three):
    one, two, blue = three

    assert listed(db) == [blue, two, one]
    assert listed(db, tags=("x",)) == [two, one]
    assert listed(db, text="Red") == [two, one]
    assert listed(db, text="red", tags=("y",)) == [two]
    assert listed(db, text="two red") == [two]
    assert listed(db, states=(JobState.RUNNING,)) == []


@ON_BOTH
def test_several_states_are_listed_and_counted_together(db, three):
    one, two, blue = three
    claim(db)  # the oldest
    cancel(db, "own_a", two)
    both, all_states = (JobState.CANCELED, JobState.RUNNING), tuple(JobState)

    assert listed(db, states=both) == [two, one]
    assert listed(db, states=both, tags=("x",), text="red") == [two, one]
    assert listed(db, states=(JobState.QUEUED, *both)) == [blue, two, one]
    assert listed(db, states=all_states) == [blue, two, one]
    for states, count in ((both, 2), (all_states, 3), ((JobState.FAILED,), 0)):
        assert count_jobs(db, "own_a", JobFilters(states=states)) == count


def test_a_search_goes_on_from_where_the_last_page_ended(db, three):
    one, two, _ = three
    filters = JobFilters(tags=("x",))

    (first,) = query_jobs(db, "own_a", 1, None, filters)
    place = (first.created_at, first.id)
    (second,) = query_jobs(db, "own_a", 1, place, filters)

    assert [first.id, second.id] == [two, one]


def count(db, table):
    with db.read() as session:
        return session.scalar(select(func.count()).select_from(table))


@ON_BOTH
def test_a_deleted_job_leaves_a_row_and_its_log(db, clock):
    job_id = submit(db, name="Lisbon")
    claimed = claim(db)
    checkpoint(db, claimed, 10)
    add_frame(db, claimed, NewFrame(10, 0, 8, 8, {}, "frames/a", "frames/b"))
    store_loss_history(db, claimed, [[1, 0, 1.0, 1.0, 1.0, 1.0]])
    with pytest.raises(InvalidState):
        purge_job(db, "own_a", job_id)
    complete_job(db, claimed, result(claimed))

    keys = purge_job(db, "own_a", job_id)

    assert keys == [
        f"checkpoints/{job_id}/1-10", "frames/a", "frames/b", f"results/{job_id}/1.png"
    ]  # fmt: skip
    assert [
        count(db, each) for each in (Frame, Checkpoint, JobLossHistory, JobSearchTerm)
    ] == [0] * 4
    assert events(db, job_id)[-1] == "deleted"
    for ask in (get_job, purge_job, cancel):
        with pytest.raises(JobPurged):
            ask(db, "own_a", job_id)


def test_a_checkpoint_that_a_child_goes_on_from_stays(db):
    job_id = submit(db)
    claimed = claim(db)
    checkpoint(db, claimed, 10)
    complete_job(db, claimed, result(claimed))
    child = fork(db, "own_a", job_id, ForkRequest(10), LIMITS)

    keys = purge_job(db, "own_a", job_id)

    assert f"checkpoints/{job_id}/1-10" not in keys
    (stored,) = claim(db, "m").checkpoints
    assert stored.blob.key == f"checkpoints/{job_id}/1-10"
    kin, more = read_lineage(db, "own_a", child)
    assert [job.id for job in kin] == [job_id, child]
    assert not more
