"""What people ask of jobs, where the tables alone do not tell the whole."""

from __future__ import annotations

import pytest

from shared.errors import InvalidParams, InvalidState, VersionMismatch
from shared.jobs.actions import finish, pause, resume
from shared.jobs.lease import (
    complete_job,
    fail_job,
    release_job,
    renew_lease,
    stop_job,
)
from shared.jobs.steering import JobChange, begin_segments, update_job
from shared.params.segments import Changes, Segment
from shared.states import Completion, JobState
from tests.support.job_rows import (
    BROKEN,
    LEASE,
    checkpoint,
    claim,
    columns,
    events,
    lose,
    owner,
    result,
    row,
    segments,
    submit,
)

OWNER = "own_a"


def steer(db, job_id, revision=None, **params):
    wanted = JobChange(Changes(**params), revision=revision)
    return update_job(db, OWNER, job_id, wanted)


def test_a_paused_job_frees_its_worker_and_costs_no_attempt(db):
    job_id = submit(db)
    claimed = claim(db)

    assert pause(db, OWNER, job_id).done is False
    assert renew_lease(db, claimed, LEASE, 1, {}).state == JobState.PAUSING
    assert stop_job(db, claimed) == JobState.PAUSED

    assert (owner(db).queued, owner(db).running) == (0, 0)
    assert row(db, job_id).attempts == 0
    assert claim(db, "b") is None


def test_a_resumed_job_has_its_old_place_in_line(db, clock):
    first = submit(db)
    clock.advance(1)
    submit(db)
    pause(db, OWNER, first)

    assert resume(db, OWNER, first).state == JobState.QUEUED

    assert claim(db).job_id == first


def test_a_job_that_failed_while_pausing_keeps_its_error(db):
    job_id = submit(db)
    claimed = claim(db)
    pause(db, OWNER, job_id)
    fail_job(db, claimed, BROKEN, 10)

    assert row(db, job_id).error_code == "engine-error"


def test_finishing_tells_the_worker_and_the_row_says_how_far_it_came(db):
    job_id = submit(db)
    claimed = claim(db)

    assert finish(db, OWNER, job_id).done is False
    assert renew_lease(db, claimed, LEASE, 9, {}).finish_requested
    early = result(claimed, iterations=9, completion=Completion.EARLY)
    complete_job(db, claimed, early)

    job = row(db, job_id)
    assert (job.state, job.completion, job.iteration) == ("succeeded", "early", 9)
    assert finish(db, OWNER, job_id).done is True


def test_finishing_a_waiting_job_needs_a_picture_to_keep(db, clock):
    job_id = submit(db)

    with pytest.raises(InvalidState, match="it is queued and it has no checkpoint"):
        finish(db, OWNER, job_id)

    checkpoint(db, claim(db), 5)
    lose(db, clock)
    assert finish(db, OWNER, job_id).state == JobState.QUEUED
    assert claim(db, "b").finish_requested


def test_a_waiting_job_that_backs_off_is_finished_at_once(db):
    job_id = submit(db)
    claimed = claim(db)
    checkpoint(db, claimed, 5)
    fail_job(db, claimed, BROKEN, 600)
    assert claim(db, "b") is None

    finish(db, OWNER, job_id)

    assert claim(db, "b").job_id == job_id


def test_finish_wins_over_pause_whoever_comes_first(db):
    job_id = submit(db)
    claimed = claim(db)
    pause(db, OWNER, job_id)
    finish(db, OWNER, job_id)

    assert stop_job(db, claimed) == JobState.QUEUED
    assert claim(db, "b").finish_requested
    assert events(db, job_id)[-3:] == ["stop", "finish", "claim"]


def test_pausing_what_waits_to_be_finished_takes_the_finish_back(db):
    submit(db)
    held = claim(db)
    checkpoint(db, held, 10)
    finish(db, OWNER, held.job_id)
    release_job(db, held)
    pause(db, OWNER, held.job_id)
    paused = row(db, held.job_id)
    finish(db, OWNER, held.job_id)

    assert (paused.state, paused.finish_requested) == (JobState.PAUSED, False)
    assert row(db, held.job_id).state == JobState.QUEUED


def test_finishing_twice_is_one_event(db):
    job_id = submit(db)
    claim(db)

    finish(db, OWNER, job_id)
    finish(db, OWNER, job_id)

    assert events(db, job_id).count("finish") == 1


def test_a_change_of_a_waiting_job_begins_where_it_will_go_on(db, clock):
    job_id = submit(db)
    checkpoint(db, claim(db), 40)
    lose(db, clock)

    assert steer(db, job_id, style_weight=3).done is True

    assert segments(db, job_id) == [(40, {"style_weight": 3.0})]
    change = Changes(style_weight=3)
    assert claim(db, "b").segments == (Segment(from_iteration=40, changes=change),)


def test_a_change_of_a_running_job_waits_for_its_worker(db):
    job_id = submit(db)
    claimed = claim(db)
    assert not renew_lease(db, claimed, LEASE, 7, {}).has_pending_segments

    assert steer(db, job_id, style_weight=3).done is False

    assert segments(db, job_id) == [(None, {"style_weight": 3.0})]
    assert renew_lease(db, claimed, LEASE, 7, {}).has_pending_segments
    begun = begin_segments(db, claimed, 8)
    assert [one.from_iteration for one in begun] == [8]
    assert not renew_lease(db, claimed, LEASE, 9, {}).has_pending_segments
    assert begin_segments(db, claimed, 12) == begun


def test_changes_begin_in_the_order_they_were_asked_for_also_in_a_replay(db, clock):
    """The first began at 90; its worker died, and the next goes on from 40."""
    job_id = submit(db)
    first = claim(db)
    checkpoint(db, first, 40)
    steer(db, job_id, style_weight=3)
    begin_segments(db, first, 90)
    lose(db, clock)
    again = claim(db, "b")
    steer(db, job_id, style_weight=5)

    begun = begin_segments(db, again, 41)

    assert [one.from_iteration for one in begun] == [90, 90]
    assert begun[-1].changes.style_weight == 5


def test_a_pending_change_of_a_lost_job_begins_before_a_later_one(db, clock):
    job_id = submit(db)
    checkpoint(db, claim(db), 40)
    steer(db, job_id, style_weight=3)
    lose(db, clock)

    steer(db, job_id, style_weight=5)

    assert [began for began, _ in segments(db, job_id)] == [40, 40]


def test_more_iterations_are_counted_at_once(db):
    job_id = submit(db)

    steer(db, job_id, iterations=200)

    assert row(db, job_id).iterations == 100 + 60 + 200


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"iterations": 20_000}, "/iterations"),
        ({"styles": [{"weight": 1}, {"weight": 2}]}, "/styles"),
        ({"content_weight": 0, "style_weight": 0, "tv_weight": 0}, "/tv_weight"),
    ],
)
def test_a_change_that_does_not_fit_is_refused_whole(db, params, pointer):
    job_id = submit(db)
    before = columns(row(db, job_id))

    with pytest.raises(InvalidParams) as refused:
        steer(db, job_id, **params)

    assert [error.pointer for error in refused.value.errors] == [pointer]
    assert (columns(row(db, job_id)), segments(db, job_id)) == (before, [])


def test_a_change_by_somebody_who_saw_an_older_job_is_refused(db):
    job_id = submit(db)
    steer(db, job_id, revision=1, style_weight=3)

    with pytest.raises(VersionMismatch, match="at revision 2, not 1"):
        steer(db, job_id, revision=1, style_weight=4)


def test_priority_moves_a_waiting_job(db, clock):
    submit(db)
    clock.advance(1)
    urgent = submit(db)

    update_job(db, OWNER, urgent, JobChange(attributes={"priority": 1}))

    assert claim(db).job_id == urgent
