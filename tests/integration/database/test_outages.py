"""The database's door: what fails behind it, and what is unknown after a failure."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.exc import OperationalError

from shared.db.database import Database
from shared.db.models.auth import Owner
from shared.errors import DatabaseUnavailable
from shared.jobs.claim import Device, claim_job
from shared.jobs.lease import complete_job
from shared.maintenance.rescue import wake_backed_off_jobs
from shared.states import JobState
from tests.support.job_rows import claim, events, result, row, submit


def test_a_locked_database_is_unavailable_not_broken(sqlite_url):
    one, other = Database(sqlite_url), Database(sqlite_url, busy_seconds=0.1)
    with one.write() as session:
        session.connection()
        with pytest.raises(DatabaseUnavailable, match="locked"):
            wake_backed_off_jobs(other)
    one.close()
    other.close()


def test_readers_never_wait_for_a_writer(sqlite_url):
    db = Database(sqlite_url, busy_seconds=0.1)
    with db.write() as session:
        session.connection()
        db.ping()
    db.close()


def test_when_every_connection_is_busy_the_database_is_unavailable(database_url):
    db = Database(database_url, busy_seconds=0.05)
    with ExitStack() as held:
        for _ in range(8 + 24):
            held.enter_context(db.read()).connection()

        with pytest.raises(DatabaseUnavailable, match="every connection is busy"):
            db.ping()

    db.ping()
    db.close()


@contextmanager
def answer_of_commit_lost():
    """Cut the connection right after COMMIT took effect."""

    def commit_and_cut(connection):
        raw = connection.connection.dbapi_connection
        if connection.dialect.name == "postgresql":
            raw.commit()
        else:
            raw.execute("COMMIT")
        raise OperationalError("COMMIT", {}, ConnectionResetError("cut"))

    event.listen(Engine, "commit", commit_and_cut)
    try:
        yield
    finally:
        event.remove(Engine, "commit", commit_and_cut)


@pytest.mark.parametrize("write", ["claim", "complete"])
def test_a_write_whose_answer_was_lost_took_effect_once(db, write):
    job_id = submit(db)
    claimed = None if write == "claim" else claim(db, "nonce")

    def act():
        if write == "claim":
            return claim(db, "nonce").fence
        return complete_job(db, claimed, result(claimed))

    with answer_of_commit_lost(), pytest.raises(DatabaseUnavailable):
        act()

    assert act() == (1 if write == "claim" else JobState.SUCCEEDED)
    assert events(db, job_id).count(write) == 1
    assert row(db, job_id).fence == 1


def test_many_threads_claim_every_job_once(database_url):
    db = Database(database_url)
    ids = {submit(db) for _ in range(12)}
    claimed, lock = [], threading.Lock()

    def work(number):
        device = Device(f"wkr_{number}", "cpu", 2**40)
        for turn in range(12):
            found = claim_job(db, device, f"{number}-{turn}", 30)
            if found is not None:
                with lock:
                    claimed.append(found.job_id)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(claimed) == sorted(ids)
    with db.read() as session:
        owner = session.scalars(select(Owner)).one()
    assert (owner.queued, owner.running) == (0, 12)
    db.close()
