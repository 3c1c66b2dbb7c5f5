"""The lease: beats while there is progress, survives surprises, brings orders."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from shared.clock import SYSTEM_CLOCK
from shared.db.database import Database
from shared.errors import FencedOut
from shared.jobs.actions import cancel, finish, pause
from shared.jobs.lease import HeartbeatReply, release_job, renew_lease
from shared.jobs.steering import JobChange, begin_segments, update_job
from shared.maintenance.rescue import requeue_expired_leases
from shared.params.segments import Changes
from shared.settings import Settings
from shared.states import JobState
from tests.support.job_rows import claim, row, submit
from tests.support.processes import wait_until
from worker.lease import Directive, Lease, choose_directive

QUICK = {"lease_seconds": 0.6, "heartbeat_seconds": 0.02}


@pytest.fixture
def db(sqlite_url, clock):
    db = Database(sqlite_url, clock)
    yield db
    db.close()


@pytest.fixture
def held(db):
    submit(db)
    return claim(db)


def lease(db, held, draining=None, clock=SYSTEM_CLOCK, **more):
    settings = Settings(**{**QUICK, **more})
    return Lease(db, held, settings, draining or threading.Event(), clock)


def test_progress_reported_reaches_the_row(db, held):
    with lease(db, held) as beating:
        beating.report(7, {"phase": "optimizing"})
        wait_until(lambda: row(db, held.job_id).iteration == 7)

    assert row(db, held.job_id).progress == {"phase": "optimizing"}


@pytest.mark.parametrize(
    ("ask", "order"),
    [
        (cancel, Directive.CANCEL),
        (pause, Directive.PAUSE),
        (finish, Directive.FINISH),
        (
            lambda *whose: update_job(*whose, JobChange(Changes(tv_weight=1))),
            Directive.STEER,
        ),
    ],
)
def test_what_people_ask_comes_down_with_the_heartbeat(db, held, ask, order):
    with lease(db, held) as beating:
        assert beating.directive() is Directive.CONTINUE
        ask(db, "own_a", held.job_id)
        wait_until(lambda: beating.directive() is order)


def test_a_change_that_has_begun_is_no_order_any_more(db, held):
    change = JobChange(Changes(tv_weight=1))
    with lease(db, held) as beating:
        update_job(db, "own_a", held.job_id, change)
        wait_until(lambda: beating.directive() is Directive.STEER)

        begin_segments(db, held, 3)
        beating.clear_pending_segments()

        wait_until(lambda: beating.directive() is Directive.CONTINUE)


def test_a_job_that_is_only_to_be_finished_is_so_from_the_first_moment(db, held):
    wanted = replace(held, finish_requested=True)

    assert lease(db, wanted).directive() is Directive.FINISH


def test_a_process_that_has_to_end_leaves(db, held):
    draining = threading.Event()
    with lease(db, held, draining) as beating:
        draining.set()

        assert beating.directive() is Directive.DRAIN
        assert beating.wait(60) is Directive.DRAIN


def test_a_holder_that_was_replaced_is_told(db, held):
    with lease(db, held) as beating:
        later = Database(str(db.url), lambda: row(db, held.job_id).lease_until + 1)
        requeue_expired_leases(later)
        later.close()

        def told():
            try:
                beating.directive()
            except FencedOut:
                return True
            return False

        wait_until(told)


def test_a_lease_is_renewed_until_nothing_has_moved_for_the_stall_limit(
    db, held, clock
):
    beating = lease(db, held, clock=clock, stall_seconds=10)

    clock.advance(9)
    beating.store_progress()
    renewed_until = row(db, held.job_id).lease_until
    clock.advance(2)
    beating.store_progress()

    assert beating.stalled_seconds == 1
    assert row(db, held.job_id).lease_until == renewed_until > clock.now - 2
    assert requeue_expired_leases(db) == [(held.job_id, JobState.QUEUED)]
    beating.touch()
    assert beating.stalled_seconds == 0


def test_a_step_may_take_as_long_as_twenty_others(db, held, clock):
    beating = lease(db, held, clock=clock, stall_seconds=10)

    for iteration in range(1, 4):
        clock.advance(15)
        beating.touch()
        # No step of its own: else half of all would take no time.
        beating.report(iteration, {"seconds_per_mpx_iteration": 0.5})

    assert beating.pace == 0.5
    clock.advance(299)
    assert beating.stalled_seconds == 0
    clock.advance(2)
    assert beating.stalled_seconds == 1


def test_a_surprise_does_not_end_the_heartbeat(db, held):
    class Moody:
        """A database that is broken once in an unforeseen way."""

        def __init__(self):
            self.broken = True

        def __getattr__(self, name):
            if self.broken and name == "write":
                self.broken = False
                raise ZeroDivisionError
            return getattr(db, name)

    with lease(Moody(), held) as beating:
        beating.report(9, {})
        wait_until(lambda: row(db, held.job_id).iteration == 9)


def test_what_the_last_attempt_told_stands_until_there_is_news(db, held):
    told = {"phase": "optimizing", "scale": 1, "scale_iteration": 9, "iteration": 89}
    renew_lease(db, held, 100, 89, told)
    release_job(db, held)
    again = claim(db)

    with lease(db, again) as beating:
        wait_until(lambda: row(db, held.job_id).progress["phase"] == "loading")
        assert row(db, held.job_id).progress == told | {"phase": "loading"}
        beating.report(90, told | {"iteration": 90})


def test_the_first_iteration_is_told_at_once(db, held):
    with lease(db, held, lease_seconds=100, heartbeat_seconds=30) as beating:
        wait_until(lambda: row(db, held.job_id).progress == {"phase": "loading"})
        beating.report(1, {"phase": "optimizing"})

        wait_until(lambda: row(db, held.job_id).iteration == 1)


@pytest.mark.parametrize(
    ("told", "draining", "order"),
    [
        (HeartbeatReply(JobState.RUNNING), False, Directive.CONTINUE),
        (HeartbeatReply(JobState.RUNNING), True, Directive.DRAIN),
        (
            HeartbeatReply(JobState.RUNNING, has_pending_segments=True),
            False,
            Directive.STEER,
        ),
        (
            HeartbeatReply(JobState.RUNNING, has_pending_segments=True),
            True,
            Directive.DRAIN,
        ),
        (
            HeartbeatReply(JobState.PAUSING, has_pending_segments=True),
            True,
            Directive.PAUSE,
        ),
        (
            HeartbeatReply(JobState.PAUSING, finish_requested=True),
            True,
            Directive.FINISH,
        ),
        (
            HeartbeatReply(JobState.CANCELING, finish_requested=True),
            True,
            Directive.CANCEL,
        ),
    ],
)
def test_the_end_comes_first_then_the_picture_the_device_the_parameters(
    told, draining, order
):
    assert choose_directive(told, draining=draining) is order


def test_what_lets_go_and_what_keeps():
    assert {order for order in Directive if order.ends_attempt} == {
        Directive.PAUSE, Directive.CANCEL, Directive.DRAIN
    }  # fmt: skip
    assert {order for order in Directive if order.resumes_later} == {
        Directive.PAUSE,
        Directive.DRAIN,
    }
