"""Lists, places in line, and what waits for a ring."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event

from shared.jobs.checkpoints import NewFrame, add_frame
from shared.maintenance.rescue import find_jobs_to_notify, mark_notified
from shared.queries import queue as lining
from shared.queries.details import load_details
from shared.queries.listing import query_jobs
from shared.queries.queue import read_queue_state
from shared.workers.registry import Registration, register_worker
from tests.support.databases import ON_BOTH
from tests.support.job_rows import claim, row, submit


@ON_BOTH
def test_jobs_are_listed_newest_first_page_by_page(db, clock):
    made = []
    for _ in range(5):
        clock.advance(1)
        made.append(submit(db))
    submit(db, "own_b")

    first = query_jobs(db, "own_a", 3)
    last = first[-1]
    second = query_jobs(db, "own_a", 3, cursor=(last.created_at, last.id))

    assert [job.id for job in first + second] == made[::-1]


def test_the_queue_position_counts_the_jobs_ahead(db, clock):
    ids = []
    for _ in range(3):
        clock.advance(1)
        ids.append(submit(db))

    page = [row(db, job_id) for job_id in ids]

    assert load_details(db, page, with_queue=True).jobs_ahead == dict(
        zip(ids, range(3), strict=True)
    )
    assert load_details(db, page[2:], with_queue=True).jobs_ahead == {ids[2]: 2}


@ON_BOTH
@pytest.mark.parametrize("shown", [1, 2, 6])
def test_places_behind_those_that_are_played_are_counted_by_the_database(
    db, clock, monkeypatch, shown
):
    monkeypatch.setattr(lining, "MAX_PLANNED", 2)
    ids = []
    for number in range(8):
        clock.advance(number % 2)  # each two of the same age
        ids.append(submit(db))
    page = [row(db, job_id) for job_id in ids[-shown:]]
    line = read_queue_state(db)

    with statements() as asked:
        ahead = load_details(db, page, with_queue=True).jobs_ahead

    keys = [row(db, job_id).ready_key for job_id in ids]
    for job in page:
        before = sum(key < job.ready_key for key in keys)
        assert ahead[job.id] == line.jobs_ahead.get(job.id, before)
    assert not [one for one in asked if "LIMIT" not in one and "ready_key" in
                one.partition("ORDER BY")[2]]  # fmt: skip


@contextmanager
def statements():
    """The queries of this time."""
    asked = []

    def note(_connection, _cursor, statement, *_):
        asked.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_a_page_is_surveyed_in_a_number_of_queries_that_does_not_grow(db, clock):
    for _ in range(6):
        clock.advance(1)
        submit(db)
    claimed = claim(db)
    for iteration in (3, 7):
        frame = NewFrame(iteration, 0, 8, 8, {}, "k", "t")
        add_frame(db, claimed, frame)
    register_worker(db, Registration("wkr_1", "here", "uuid", "cpu", "name", 2**30, {}))
    page = query_jobs(db, "own_a", 6)

    with statements() as asked:
        known = load_details(db, page, with_queue=True)

    asked = [statement for statement in asked if statement.startswith("SELECT")]
    assert len(asked) == 13  # seven of them for the line, which is read once a second
    assert known.segments == {}
    assert known.frames[claimed.job_id].iteration == 7
    assert known.workers["wkr_1"].device_name == "name"
    assert sorted(known.jobs_ahead.values()) == [0, 1, 2, 3, 4]
    assert [server.id for server in known.queue_state.workers] == ["wkr_1"]


def test_what_waits_is_rung_for_again_only_after_a_while(db, clock):
    job_id = submit(db)
    assert [job.job_id for job in find_jobs_to_notify(db, 10, 5)] == [job_id]

    mark_notified(db, job_id)

    assert find_jobs_to_notify(db, 10, 5) == []
    clock.advance(11)
    assert [job.job_id for job in find_jobs_to_notify(db, 10, 5)] == [job_id]
