"""Whoever does not hold a job, or no longer, can write nothing to it."""

from __future__ import annotations

import pytest

from shared import jobs
from shared.errors import FencedOut
from shared.params import StyleParams
from tests.job_rows import (
    BIGGER,
    BROKEN,
    HOPELESS,
    LEASE,
    checkpoint,
    claim,
    columns,
    events,
    lose,
    result,
    row,
    submit,
)

STALE_WRITES = {
    "heartbeat": lambda db, claimed: jobs.heartbeat(db, claimed, LEASE, 1, {}),
    "checkpoint": lambda db, claimed: checkpoint(db, claimed, 50),
    "complete": lambda db, claimed: jobs.complete(db, claimed, result(claimed)),
    "release": jobs.release,
    "fail": lambda db, claimed: jobs.fail(db, claimed, BROKEN, 10),
    "postpone": lambda db, claimed: jobs.postpone(db, claimed, BROKEN, 10),
    "stopped": jobs.stopped,
    "begin": lambda db, claimed: jobs.begin_segments(db, claimed, 5),
    "fell_back": lambda db, claimed: jobs.fell_back(db, claimed, 0),
    "carefully": lambda db, claimed: jobs.go_carefully(db, claimed, BROKEN, 0.3),
    "smaller": lambda db, claimed: jobs.make_smaller(
        db, claimed, StyleParams(max_edge=64)
    ),
    "warn": lambda db, claimed: jobs.warn(db, claimed, "x", "y"),
    "frame": lambda db, claimed: jobs.add_frame(
        db, claimed, jobs.NewFrame(1, 0, 8, 8, {}, "k", "t")
    ),
}


@pytest.mark.parametrize(
    "successor", ["none", "running", "pausing", "canceling", "succeeded"]
)
@pytest.mark.parametrize("write", sorted(STALE_WRITES))
def test_a_worker_that_lost_its_lease_can_write_nothing(db, clock, write, successor):
    job_id = submit(db)
    stale = claim(db, "a")
    lose(db, clock)
    if successor != "none":
        newer = claim(db, "b", BIGGER)
    if successor == "succeeded":
        jobs.complete(db, newer, result(newer))
    asked = {"pausing": jobs.pause, "canceling": jobs.cancel}
    if successor in asked:
        asked[successor](db, "own_a", job_id)
    before = columns(row(db, job_id)), events(db, job_id)

    with pytest.raises(FencedOut):
        STALE_WRITES[write](db, stale)

    assert (columns(row(db, job_id)), events(db, job_id)) == before


LETTING_GO = {
    "release": jobs.release,
    "complete": lambda db, claimed: jobs.complete(db, claimed, result(claimed)),
    "fail": lambda db, claimed: jobs.fail(db, claimed, HOPELESS, 10),
}


@pytest.mark.parametrize("let_go", sorted(LETTING_GO))
@pytest.mark.parametrize("write", sorted(STALE_WRITES))
def test_a_worker_that_let_its_job_go_can_write_nothing_more(db, write, let_go):
    job_id = submit(db)
    claimed = claim(db, "a")
    LETTING_GO[let_go](db, claimed)
    before = columns(row(db, job_id)), events(db, job_id)
    if write == let_go == "complete":
        return  # saying it again is harmless: tested below

    with pytest.raises(FencedOut):
        STALE_WRITES[write](db, claimed)

    assert (columns(row(db, job_id)), events(db, job_id)) == before
