from __future__ import annotations

import threading

from shared import jobs
from shared.db import Database


def test_the_number_stays_until_somebody_commits(sqlite_url):
    ours, theirs = Database(sqlite_url), Database(sqlite_url)
    before = ours.commits()

    assert ours.commits() == before
    jobs.ensure_owner(theirs, "own_a")
    after = ours.commits()
    jobs.ensure_owner(ours, "own_b")

    assert len({before, after, ours.commits()}) == 3
    for database in (ours, theirs):
        database.close()


def test_what_is_not_committed_does_not_count(sqlite_url):
    database = Database(sqlite_url)
    before = database.commits()

    with database.write():
        assert database.commits() == before

    database.close()


def test_threads_may_ask_at_once(sqlite_url):
    database, found = Database(sqlite_url), []
    threads = [
        threading.Thread(target=lambda: found.append(database.commits()))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(found) == {database.commits()}
    database.close()


def test_of_a_file_that_is_not_there_nothing_is_known_and_none_is_made(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/none.sqlite")

    assert database.commits() is None
    assert list(tmp_path.iterdir()) == []
    database.close()
