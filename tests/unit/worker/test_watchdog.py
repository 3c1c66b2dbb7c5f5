"""The watchdog: ends what is deaf, hung or broken, and nothing else."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from shared.db.database import Database
from shared.errors import DatabaseUnavailable
from shared.jobs.claim import claim_job
from shared.settings import Settings
from tests.support.job_rows import BIGGER, DEVICE, claim, submit
from worker.lease import Lease
from worker.watchdog import Watchdog


class Idle:
    """A runner with nothing to do."""

    def __init__(self):
        self.device, self.lease = DEVICE, None
        self.poll_count, self.is_busy, self.is_broken = 0, False, False


@pytest.fixture
def db(sqlite_url):
    db = Database(sqlite_url)
    yield db
    db.close()


@pytest.fixture
def runner():
    return Idle()


@pytest.fixture
def tools(db, clock):
    settings = Settings(watchdog_seconds=60, lease_seconds=30)
    draining = threading.Event()
    return SimpleNamespace(db=db, settings=settings, draining=draining, clock=clock)


@pytest.fixture
def watch(tools, runner, clock):
    watchdog = Watchdog(tools, runner, lambda: True)

    def look(*, after=0.0):
        clock.advance(after)
        return watchdog.check()

    return look


def test_an_idle_worker_that_ignores_a_due_job_is_replaced(db, watch):
    submit(db)

    assert [watch(after=20) for _ in range(3)] == [None] * 3
    assert watch(after=20) == "it ignores notifications"


def test_a_job_that_has_just_come_after_idle_hours_is_no_reason(db, watch):
    assert watch(after=3600) is None
    submit(db)

    assert watch() is None
    assert watch(after=59) is None


def test_a_worker_that_looks_for_jobs_hears(db, watch, runner):
    submit(db)
    for _ in range(10):
        runner.poll_count += 1
        assert watch(after=20) is None


def test_a_job_that_others_take_is_no_reason(db, watch):
    for number in range(10):
        submit(db)
        assert watch(after=20) is None
        claim_job(db, BIGGER, f"n{number}", 30)
        assert watch(after=20) is None


@pytest.mark.parametrize("why", ["busy", "draining", "too large", "nothing due"])
def test_there_is_a_reason_to_be_idle(db, watch, runner, tools, why):
    if why != "nothing due":
        submit(db, need_bytes=2**39 if why == "too large" else 0)
    runner.is_busy = why == "busy"
    if why == "draining":
        tools.draining.set()

    assert [watch(after=50) for _ in range(4)] == [None] * 4


def test_while_redis_is_down_nobody_hears_and_nobody_is_replaced(
    db, tools, runner, clock
):
    submit(db)
    watchdog = Watchdog(tools, runner, lambda: False)
    for _ in range(5):
        assert watchdog.check() is None
        clock.advance(50)


def test_a_database_that_is_away_is_no_reason(tools, runner, clock):
    class Away:
        def read(self):
            raise DatabaseUnavailable("gone")

    tools.db = Away()
    watchdog = Watchdog(tools, runner, lambda: True)
    for _ in range(5):
        assert watchdog.check() is None
        clock.advance(50)


def test_a_broken_device_is_a_reason_at_once(watch, runner):
    runner.is_broken = True

    assert watch() == "its device failed"


@pytest.mark.parametrize(("stalled", "is_hung"), [(0, False), (59, False), (61, True)])
def test_a_job_hung_for_two_leases_is_a_reason(db, watch, runner, stalled, is_hung):
    submit(db)
    claim(db)
    runner.is_busy, runner.lease = True, SimpleNamespace(stalled_seconds=stalled)

    assert (watch() == "an iteration does not end") is is_hung


def test_a_worker_that_stood_still_as_a_whole_is_not_hung(
    db, tools, watch, runner, clock
):
    submit(db)
    runner.is_busy = True
    runner.lease = Lease(db, claim(db), tools.settings, tools.draining, clock)
    runner.lease.report(1, {})

    assert watch(after=600) is None  # it was suspended, and this thread runs first
    verdicts = [watch(after=5) for _ in range(60)]
    assert verdicts[:12] == [None] * 12  # two leases, at least, for its iteration
    assert verdicts[-1] == "an iteration does not end"
