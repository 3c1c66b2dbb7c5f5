from __future__ import annotations

import threading

from sqlalchemy import text

from shared.auth.owners import ensure_owner
from shared.db.database import Database
from shared.db.models.owners import Owner

_END_ALL_BUT_THIS = """
  SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE pid <> pg_backend_pid() AND datname = current_database()
"""


def test_the_mark_stays_until_somebody_commits(database_url):
    ours, theirs = Database(database_url), Database(database_url)
    before = ours.change_token()

    assert ours.change_token() == before
    ensure_owner(theirs, "own_a")
    after = ours.change_token()
    ensure_owner(ours, "own_b")

    assert len({before, after, ours.change_token()}) == 3
    for database in (ours, theirs):
        database.close()


def test_what_is_not_committed_does_not_count(database_url):
    database = Database(database_url)
    ensure_owner(database, "own_b")
    before = database.change_token()

    with database.write() as session:
        session.add(Owner(id="own_a", queued=0, running=0, created_at=0))
        session.flush()
        assert database.change_token() == before

    assert database.change_token() != before

    database.close()


def test_threads_may_ask_at_once(database_url):
    database, found = Database(database_url), []
    threads = [
        threading.Thread(target=lambda: found.append(database.change_token()))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(found) == {database.change_token()}
    database.close()


def test_of_a_file_that_is_not_there_nothing_is_known_and_none_is_made(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/none.sqlite")

    assert database.change_token() is None
    assert list(tmp_path.iterdir()) == []
    database.close()


def test_of_a_server_that_is_not_there_nothing_is_known():
    database = Database("postgresql+psycopg://nobody@/none?host=/nowhere")

    assert database.change_token() is None
    database.close()


def test_after_a_lost_connection_the_next_is_opened(postgresql_url):
    database = Database(postgresql_url)
    assert database.change_token() is not None
    with database.write() as session:
        session.execute(text(_END_ALL_BUT_THIS))

    assert database.change_token() is None
    assert database.change_token() is not None
    database.close()


def test_a_connection_that_is_opened_anew_repeats_no_mark(database_url):
    ours, theirs = Database(database_url), Database(database_url)
    marks = []
    for life in range(3):
        for number in range(3):
            ensure_owner(theirs, f"own_{life}{number}")
            marks.append(ours.change_token())
        ours.close()

    assert len(set(marks)) == 9
    theirs.close()
