"""Whoever does not hold a job, or no longer, can write nothing to it."""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import replace

import pytest

from shared.db.database import Database
from shared.errors import FencedOut
from shared.jobs.actions import cancel, pause
from shared.jobs.checkpoints import (
    NewFrame,
    add_frame,
    add_warning,
    discard_newer_checkpoints,
    store_loss_history,
)
from shared.jobs.lease import (
    complete_job,
    fail_job,
    postpone_job,
    release_job,
    renew_lease,
    retry_with_smaller_steps,
    stop_job,
)
from shared.jobs.steering import (
    JobChange,
    begin_segments,
    retry_with_smaller_params,
    update_job,
)
from shared.params.segments import Changes
from shared.params.style import StyleParams
from tests.support.databases import ON_BOTH
from tests.support.job_rows import (
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
from tests.support.sqlite_backups import copy_database

STALE_WRITES = {
    "heartbeat": lambda db, claimed: renew_lease(db, claimed, LEASE, 1, {}),
    "checkpoint": lambda db, claimed: checkpoint(db, claimed, 50),
    "complete": lambda db, claimed: complete_job(db, claimed, result(claimed)),
    "release": release_job,
    "fail": lambda db, claimed: fail_job(db, claimed, BROKEN, 10),
    "postpone": lambda db, claimed: postpone_job(db, claimed, BROKEN, 10),
    "stop": stop_job,
    "begin": lambda db, claimed: begin_segments(db, claimed, 5),
    "fell_back": lambda db, claimed: discard_newer_checkpoints(db, claimed, 0),
    "carefully": lambda db, claimed: retry_with_smaller_steps(db, claimed, BROKEN, 0.3),
    "smaller": lambda db, claimed: retry_with_smaller_params(
        db, claimed, StyleParams(max_edge=64)
    ),
    "losses": lambda db, claimed: store_loss_history(
        db, claimed, [[1, 0, 1.0, 1.0, 1.0, 1.0]]
    ),
    "warn": lambda db, claimed: add_warning(db, claimed, "x", "y"),
    "frame": lambda db, claimed: add_frame(
        db, claimed, NewFrame(1, 0, 8, 8, {}, "k", "t")
    ),
}


def accepted_writes(db, claimed, names=frozenset(STALE_WRITES)):
    """Names of the writes that are not refused, or that change something."""
    before = columns(row(db, claimed.job_id)), events(db, claimed.job_id)
    accepted = []
    for name in sorted(names):
        with suppress(FencedOut):
            STALE_WRITES[name](db, claimed)
            accepted.append(name)
        if (columns(row(db, claimed.job_id)), events(db, claimed.job_id)) != before:
            accepted.append(f"{name} changed the row")
    return accepted


@ON_BOTH
@pytest.mark.parametrize(
    "successor", ["none", "running", "pausing", "canceling", "succeeded"]
)
def test_a_worker_that_lost_its_lease_can_write_nothing(db, clock, successor):
    job_id = submit(db)
    stale = claim(db, "a")
    lose(db, clock)
    if successor != "none":
        newer = claim(db, "b", BIGGER)
    if successor == "succeeded":
        complete_job(db, newer, result(newer))
    asked = {"pausing": pause, "canceling": cancel}
    if successor in asked:
        asked[successor](db, "own_a", job_id)

    assert accepted_writes(db, stale) == []


LETTING_GO = {
    "release": release_job,
    "complete": lambda db, claimed: complete_job(db, claimed, result(claimed)),
    "fail": lambda db, claimed: fail_job(db, claimed, HOPELESS, 10),
}


@ON_BOTH
@pytest.mark.parametrize("let_go", sorted(LETTING_GO))
def test_a_worker_that_let_its_job_go_can_write_nothing_more(db, let_go):
    submit(db)
    claimed = claim(db, "a")
    LETTING_GO[let_go](db, claimed)
    # Completing again is harmless: the outcome of a lost answer.
    harmless = {"complete"} if let_go == "complete" else set()

    assert accepted_writes(db, claimed, STALE_WRITES.keys() - harmless) == []


def test_what_was_computed_with_a_change_that_the_database_forgot_is_not_stored(
    sqlite_url, tmp_path, clock
):
    with closing(Database(sqlite_url, clock, fresh_seconds=0)) as db:
        job_id = submit(db)
        claimed = claim(db)
        copy_database(db.url.database, tmp_path / "standby")
        update_job(db, "own_a", job_id, JobChange(Changes(style_weight=3.0)))
        steered = replace(claimed, segments=begin_segments(db, claimed, 10))
        copy_database(tmp_path / "standby", db.url.database)

        assert accepted_writes(db, steered, {"checkpoint", "complete", "begin"}) == []


def test_after_an_older_sqlite_file_was_restored_a_worker_of_before_can_write_nothing(
    sqlite_url, tmp_path, clock
):
    """Though the number of its fence was given again."""
    with closing(Database(sqlite_url, clock, fresh_seconds=0)) as db:
        submit(db)
        copy_database(db.url.database, tmp_path / "backup")
        before = claim(db, "before")
        copy_database(tmp_path / "backup", db.url.database)
        after = claim(db, "after", BIGGER)
        assert (before.job_id, before.fence) == (after.job_id, after.fence)

        assert accepted_writes(db, before) == []
        assert before.key_stem != after.key_stem
