"""Lines that are committed out of order are told in order, and none is lost."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest

from api.watch import reorder_buffer
from api.watch.message import LOG
from api.watch.subscription import SubscriptionFilter
from api.watch.watcher import Watcher
from shared.db.database import Database
from shared.db.models.jobs import Job
from shared.jobs.transitions import log_event
from shared.queries.events import read_latest_seq
from tests.support.job_rows import submit
from tests.support.processes import PATIENCE_SECONDS


@pytest.fixture
def postgres(postgresql_url):
    database = Database(postgresql_url)
    yield database
    database.close()


@pytest.fixture
def watcher(postgres):
    looks = Watcher(postgres, lambda row: None)
    yield looks
    looks.close()


def write(db, session, job_id, event):
    log_event(db, session, session.get(Job, job_id), event, {})


def told(watch, count=1, seconds=PATIENCE_SECONDS):
    """Lines of the log, until there are so many."""
    found, end = [], time.monotonic() + seconds
    while time.monotonic() < end and len(found) < count:
        found += [(one.job_id, one.seq) for one in watch.take(0.1) if one.kind == LOG]
    return found


def test_a_later_line_that_is_visible_first_waits_for_the_earlier(
    postgres, watcher, monkeypatch
):
    monkeypatch.setattr(reorder_buffer, "GAP_WAIT_SECONDS", 60.0)
    slow, quick = submit(postgres), submit(postgres)
    with watcher.subscribe(SubscriptionFilter("own_a")) as watch:
        with postgres.write() as session:
            write(postgres, session, slow, "first")
            session.flush()
            with postgres.write() as other:
                write(postgres, other, quick, "second")
            early = told(watch, seconds=0.5)
        late = told(watch, 2)

    assert early == []
    assert [job_id for job_id, _ in late] == [slow, quick]


def test_a_line_that_is_very_late_is_told_all_the_same(postgres, watcher):
    slow, quick = submit(postgres), submit(postgres)
    transaction = ExitStack()
    session = transaction.enter_context(postgres.write())
    write(postgres, session, slow, "first")
    session.flush()
    with postgres.write() as other:
        write(postgres, other, quick, "before anybody watches")
    with watcher.subscribe(SubscriptionFilter("own_a")) as watch:
        with postgres.write() as other:
            write(postgres, other, quick, "second")
        early = told(watch)
        transaction.close()  # commits
        late = told(watch)

    assert [job_id for job_id, _ in early] == [quick]
    assert [job_id for job_id, _ in late] == [slow]
    assert read_latest_seq(postgres) == early[0][1]
