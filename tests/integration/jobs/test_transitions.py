"""A move says again what it believes, and leaves a row alone that has changed."""

from __future__ import annotations

import pytest

from shared.errors import FencedOut
from shared.jobs.actions import pause
from shared.jobs.transitions import transition
from shared.states import JobState
from tests.support.databases import ON_BOTH
from tests.support.job_rows import BIGGER, claim, columns, events, lose, row, submit


def moves(db, was):
    with db.write() as session:
        transition(db, session, was, "stop", JobState.CANCELED)


@ON_BOTH
def test_a_move_from_a_row_of_another_fence_changes_nothing(db, clock):
    job_id = submit(db)
    claim(db, "a")
    was = row(db, job_id)
    lose(db, clock)
    claim(db, "b", BIGGER)
    before = columns(row(db, job_id)), events(db, job_id)

    with pytest.raises(FencedOut):
        moves(db, was)

    assert (columns(row(db, job_id)), events(db, job_id)) == before


@ON_BOTH
def test_a_move_from_a_row_in_another_state_changes_nothing(db):
    job_id = submit(db)
    claim(db, "a")
    was = row(db, job_id)
    pause(db, "own_a", job_id)
    before = columns(row(db, job_id)), events(db, job_id)

    with pytest.raises(FencedOut):
        moves(db, was)

    assert (columns(row(db, job_id)), events(db, job_id)) == before
