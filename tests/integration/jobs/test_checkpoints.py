"""Checkpoints and previews of a job that runs."""

from __future__ import annotations

from itertools import pairwise

from sqlalchemy import select

from shared.db.models.jobs import Frame
from shared.jobs import checkpoints as limits
from shared.jobs.checkpoints import (
    NewFrame,
    add_frame,
    discard_newer_checkpoints,
    keep_last_checkpoint,
)
from shared.jobs.lease import complete_job
from shared.queries.jobs import read_latest_frame
from tests.support.job_rows import (
    checkpoint,
    checkpoints,
    claim,
    lose,
    result,
    row,
    submit,
)


def short(keys):
    """The ends of keys of checkpoints: fence and iteration."""
    return sorted(key.rpartition("/")[2] for key in keys)


def test_the_last_two_checkpoints_are_kept(db):
    submit(db)
    claimed = claim(db)

    dropped = [checkpoint(db, claimed, iteration) for iteration in (10, 20, 30)]

    assert [short(keys) for keys in dropped] == [[], [], ["1-10"]]


def test_a_checkpoint_written_again_after_a_lost_answer_is_one(db):
    submit(db)
    claimed = claim(db)
    checkpoint(db, claimed, 10)

    assert checkpoint(db, claimed, 10) == []


def test_an_older_checkpoint_that_comes_late_is_not_where_the_next_attempt_begins(db):
    submit(db)
    held = claim(db)
    for iteration in (20, 10):
        checkpoint(db, held, iteration)

    assert row(db, held.job_id).checkpoint_iteration == 20


def test_checkpoints_after_a_fallback_count_as_progress_and_are_kept(db, clock):
    """Both stored ones were useless: the attempt began anew, below them."""
    job_id = submit(db)
    first = claim(db, "a")
    checkpoint(db, first, 90)
    checkpoint(db, first, 100)
    lose(db, clock)
    again = claim(db, "b")

    assert short(discard_newer_checkpoints(db, again, 0)) == ["1-100", "1-90"]
    assert [checkpoint(db, again, done) for done in (10, 20)] == [[], []]
    lose(db, clock)

    job = row(db, job_id)
    assert (job.crashes_in_a_row, job.attempts) == (0, 0)
    assert [one.iteration for one in claim(db, "c").checkpoints] == [20, 10]


def test_falling_back_to_the_one_before_keeps_it(db, clock):
    submit(db)
    first = claim(db, "a")
    checkpoint(db, first, 90)
    checkpoint(db, first, 100)
    lose(db, clock)
    again = claim(db, "b")

    assert short(discard_newer_checkpoints(db, again, 90)) == ["1-100"]
    assert checkpoint(db, again, 95) == []


def test_a_finished_job_keeps_its_last_checkpoint(db):
    job_id = submit(db)
    claimed = claim(db)
    checkpoint(db, claimed, 10)
    checkpoint(db, claimed, 20)
    complete_job(db, claimed, result(claimed))

    assert short(keep_last_checkpoint(db, job_id)) == ["1-10"]


def test_checkpoints_of_every_so_many_iterations_are_kept_for_forks(db):
    job_id = submit(db, keep_every=20)
    claimed = claim(db)

    for iteration in (10, 20, 30, 40, 50, 60, 65):
        checkpoint(db, claimed, iteration)

    assert [one.iteration for one in checkpoints(db, job_id)] == [20, 40, 60, 65]


def test_previews_are_thinned_evenly_when_there_are_too_many(db, monkeypatch):
    monkeypatch.setattr(limits, "MAX_FRAMES", 20)
    submit(db)
    claimed = claim(db)
    dropped = []
    for number in range(1, 52):
        frame = NewFrame(number, 0, 8, 8, {}, f"k{number}", f"t{number}")
        dropped += add_frame(db, claimed, frame)

    with db.read() as session:
        kept = sorted(session.scalars(select(Frame.iteration)))
    assert len(kept) == 20
    assert len(dropped) == 2 * 31
    assert (kept[0], kept[-1]) == (1, 51)
    assert max(after - before for before, after in pairwise(kept)) <= 5
    assert read_latest_frame(db, claimed.job_id).iteration == 51
