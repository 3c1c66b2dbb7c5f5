"""A standby takes the place of PostgreSQL, and lacks what was not shipped to it."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from chaos.farm.replicated_postgresql import ReplicatedPostgres
from shared.db.database import Database
from shared.errors import DatabaseUnavailable
from tests.support.redis_and_postgresql import running_postgresql


@pytest.fixture
def replicated(postgresql):
    with (
        running_postgresql(postgresql.programs) as primary,
        ReplicatedPostgres(primary) as server,
    ):
        yield server


@pytest.fixture
def db(replicated):
    db = Database(replicated.url("postgres"))
    with db.write() as session:
        session.execute(text("CREATE TABLE said (word text)"))
    yield db
    db.close()


def say(db, word):
    with db.write() as session:
        session.execute(text("INSERT INTO said VALUES (:word)"), {"word": word})


def said(db):
    with db.read() as session:
        return session.scalars(text("SELECT word FROM said")).all()


def test_a_failover_loses_what_was_not_shipped_and_nothing_else(replicated, db):
    for word in ("first", "second"):  # by another standby each time
        say(db, word)
        replicated.stop_shipping()
        say(db, "lost")
        assert said(db)[-1] == "lost"

        replicated.kill()
        with pytest.raises(DatabaseUnavailable):
            said(db)
        replicated.promote()

    say(db, "after")
    assert said(db) == ["first", "second", "after"]
