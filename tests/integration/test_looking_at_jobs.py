"""Lists, places in line, and what waits for a ring."""

from __future__ import annotations

from shared import jobs
from tests.job_rows import (
    row,
    submit,
)


def test_jobs_are_listed_newest_first_page_by_page(db, clock):
    made = []
    for _ in range(5):
        clock.advance(1)
        made.append(submit(db))
    submit(db, "own_b")

    first = jobs.list_jobs(db, "own_a", 3)
    last = first[-1]
    second = jobs.list_jobs(db, "own_a", 3, before=(last.created_at, last.id))

    assert [job.id for job in first + second] == made[::-1]


def test_the_queue_position_counts_the_jobs_ahead(db, clock):
    ids = []
    for _ in range(3):
        clock.advance(1)
        ids.append(submit(db))

    ahead = [jobs.count_ahead(db, row(db, job_id)) for job_id in ids]

    assert ahead == [0, 1, 2]


def test_what_waits_is_rung_for_again_only_after_a_while(db, clock):
    job_id = submit(db)
    assert [job.job_id for job in jobs.waiting(db, 10, 5)] == [job_id]

    jobs.rung(db, job_id)

    assert jobs.waiting(db, 10, 5) == []
    clock.advance(11)
    assert [job.job_id for job in jobs.waiting(db, 10, 5)] == [job_id]
