"""PostgreSQL that stands still: whoever asks it is told so in time."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager

import pytest
from sqlalchemy import Integer, bindparam, select, text

from shared.db.database import Database
from shared.db.dialects import connect_postgres
from shared.errors import DatabaseUnavailable

DEFAULT_SECONDS = 15  # without the limit that the test sets
_BACKENDS = """
  SELECT pid FROM pg_stat_activity
  WHERE pid <> pg_backend_pid() AND datname = current_database()
    AND backend_type = 'client backend'
"""


@contextmanager
def frozen(url):
    """Stop all that serve the database now, as if they were gone."""
    other = Database(url)
    with other.read() as session:
        pids = session.scalars(text(_BACKENDS)).all()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        other.close()


def test_an_answer_that_does_not_come_is_an_outage_and_not_the_next_ones(
    postgresql_url,
):
    database = Database(postgresql_url, statement_seconds=0.6)

    def frozen_midway():
        with database.read() as session:
            assert session.scalar(text("SELECT 1")) == 1
            with frozen(postgresql_url):
                session.execute(text("SELECT 2"))

    began = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        frozen_midway()
    assert time.monotonic() - began < DEFAULT_SECONDS

    with database.read() as session:
        assert session.scalar(text("SELECT 3")) == 3
    database.close()


def test_a_connection_that_stood_idle_is_replaced_in_time(postgresql_url):
    database = Database(postgresql_url, statement_seconds=0.6)
    database.ping()

    with frozen(postgresql_url):
        began = time.monotonic()
        database.ping()
    assert 0.7 < time.monotonic() - began < DEFAULT_SECONDS
    database.close()


def test_a_read_of_one_row_survives_the_loss_of_its_connection(postgresql_url):
    database = Database(postgresql_url)
    statement = select(bindparam("number", type_=Integer))
    assert tuple(database.read_row(statement, {"number": 1})) == (1,)

    with database.write() as session:
        lost = session.scalars(text(_BACKENDS)).all()
        for pid in lost:
            session.execute(text(f"SELECT pg_terminate_backend({pid})"))

    assert lost
    assert tuple(database.read_row(statement, {"number": 2})) == (2,)
    database.close()


def test_what_the_server_refuses_does_not_cost_the_connection(postgresql_url):
    plain = postgresql_url.replace("+psycopg", "")
    with connect_postgres(plain, limit_seconds=5, autocommit=True) as connection:
        connection.execute("SET statement_timeout = 50")
        with pytest.raises(Exception, match="statement timeout"):
            connection.execute("SELECT pg_sleep(5)")
        assert connection.execute("SELECT 1").fetchone() == (1,)

        assert connection.info.get_parameters()["tcp_user_timeout"] == "20000"
        assert connection.info.get_parameters()["keepalives_idle"] == "10"
