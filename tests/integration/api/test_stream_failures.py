"""What one look at the news cannot read or say costs no other news."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from api.watch.event_serializer import event_messages
from api.watch.message import LOG, OUTPUT
from api.watch.subscription import SubscriptionFilter
from api.watch.watcher import Watcher
from shared.db.models.jobs import Job
from shared.errors import DatabaseUnavailable
from shared.jobs.lease import complete_job, renew_lease
from shared.jobs.transitions import log_event
from shared.queries.events import read_events_after
from tests.support.job_rows import claim, result, submit
from tests.support.processes import PATIENCE_SECONDS


class Progressing:
    """Says nothing of how far a job is, in the way that the test wants."""

    def __init__(self):
        self.trouble, self.asked = None, threading.Semaphore(0)

    def __call__(self, row):
        if self.trouble is not None:
            self.asked.release()
            raise self.trouble


@pytest.fixture
def database_url(sqlite_url):
    """One database is enough: none has a part in this."""
    return sqlite_url


@pytest.fixture
def progressing():
    return Progressing()


@pytest.fixture
def watcher(live_db, progressing):
    looks = Watcher(live_db, progressing)
    yield looks
    looks.close()


def write(db, job_id, event):
    with db.write() as session:
        log_event(db, session, session.get(Job, job_id), event, {})


def told(watch):
    """The jobs of the first lines of the log that come."""
    found, end = [], time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end and not found:
        found += [one.job_id for one in watch.take(0.1) if one.kind == LOG]
    return found


def test_lines_that_were_read_before_an_outage_are_told_after_it(
    live_db, watcher, progressing
):
    job_id = submit(live_db)
    claimed = claim(live_db)
    with watcher.subscribe(SubscriptionFilter("own_a")) as watch:
        progressing.trouble = DatabaseUnavailable("away")
        renew_lease(live_db, claimed, 30, 1, {"phase": "optimizing"})
        assert progressing.asked.acquire(timeout=PATIENCE_SECONDS)
        write(live_db, job_id, "something")
        assert progressing.asked.acquire(timeout=PATIENCE_SECONDS)  # holding the line
        progressing.trouble = None

        assert told(watch) == [job_id]


def test_a_job_that_cannot_be_described_hides_no_other(live_db, watcher, progressing):
    submit(live_db)
    claimed, other = claim(live_db), submit(live_db)
    with watcher.subscribe(SubscriptionFilter("own_a")) as watch:
        progressing.trouble = ValueError("of nobody's making")
        renew_lease(live_db, claimed, 30, 1, {"phase": "optimizing"})
        assert progressing.asked.acquire(timeout=PATIENCE_SECONDS)
        write(live_db, other, "something")

        assert told(watch) == [other]


def test_a_line_or_a_result_that_cannot_be_put_into_words_is_left_out(live_db):
    ids = [submit(live_db) for _ in range(3)]
    for number in range(3):
        claimed = claim(live_db, f"nonce {number}")
        complete_job(live_db, claimed, result(claimed))
    with live_db.write() as session:
        session.get(Job, ids[0]).params = {"schedule": "none"}
    lines = [
        one for one in read_events_after(live_db, 0, (), 100) if one.event == "complete"
    ]
    lines[1] = replace(lines[1], state="nonsense")

    news = event_messages(live_db, lines)

    assert [one.job_id for one in news if one.kind == LOG] == [ids[0], ids[2]]
    assert [one.job_id for one in news if one.kind == OUTPUT] == [ids[2]]
