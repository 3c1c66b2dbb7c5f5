"""What is kept for a moment."""

from __future__ import annotations

import threading
import time

import pytest

from shared.db.read_cache import ReadCache
from shared.errors import DatabaseUnavailable
from tests.support.processes import PATIENCE_SECONDS


class Watch:
    now = 0.0

    def __call__(self):
        return self.now


def test_within_its_time_an_answer_is_read_once():
    watch, read = Watch(), []
    notes = ReadCache(1.0, watch)

    def ask():
        return notes.get("x", lambda: read.append(0) or len(read))

    assert [ask(), ask()] == [1, 1]
    watch.now = 0.9
    assert ask() == 1
    watch.now = 1.1
    assert ask() == 2


def test_an_outage_is_read_once_by_all_who_ask_meanwhile():
    notes, reads = ReadCache(1.0, Watch()), []

    def read():
        reads.append(0)
        time.sleep(0.05)  # meanwhile the others ask
        raise DatabaseUnavailable("away")

    def ask():
        with pytest.raises(DatabaseUnavailable, match="away"):
            notes.get("x", read)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(reads) == 1


def test_after_an_outage_of_a_second_it_is_read_again():
    watch = Watch()
    notes = ReadCache(1.0, watch)

    def fail():
        raise DatabaseUnavailable("away")

    with pytest.raises(DatabaseUnavailable):
        notes.get("x", fail)
    watch.now = 0.9
    with pytest.raises(DatabaseUnavailable):
        notes.get("x", lambda: 1)
    watch.now = 1.1
    assert notes.get("x", lambda: 1) == 1


def test_whoever_reads_for_long_holds_up_nobody_for_long():
    notes = ReadCache(1.0, patience_seconds=0.1)
    begun, ends = threading.Event(), threading.Event()

    def read():
        begun.set()
        return ends.wait(PATIENCE_SECONDS)

    thread = threading.Thread(target=lambda: notes.get("x", read))
    thread.start()
    begun.wait(PATIENCE_SECONDS)

    assert notes.get("y", lambda: 2) == 2
    with pytest.raises(DatabaseUnavailable):
        notes.get("x", lambda: 3)

    ends.set()
    thread.join()
    assert notes.get("x", lambda: 3) is True


def test_of_many_names_only_the_latest_are_kept():
    notes, read = ReadCache(1e9), []
    for name in range(2000):
        notes.get(str(name), lambda: read.append(0))
    notes.get("1999", lambda: read.append(0))
    assert len(read) == 2000

    notes.get("0", lambda: read.append(0))
    assert len(read) == 2001


def test_a_mistake_is_no_answer():
    notes = ReadCache(1.0)

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            notes.get("x", lambda: 1 / 0)
