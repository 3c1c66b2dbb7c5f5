"""What is kept for a moment."""

from __future__ import annotations

from shared.notes import Notes


class Watch:
    now = 0.0

    def __call__(self):
        return self.now


def test_within_its_time_an_answer_is_read_once():
    watch, read = Watch(), []
    notes = Notes(1.0, watch)

    def ask(**how):
        return notes.recall("x", lambda: read.append(0) or len(read), **how)

    assert [ask(), ask()] == [1, 1]
    watch.now = 0.9
    assert ask() == 1
    watch.now = 1.1
    assert ask() == 2


def test_news_are_read_at_once_unless_reading_is_dear():
    watch = Watch()
    notes = Notes(1.0, watch)

    def read(took):
        watch.now += took
        return watch.now

    first = notes.recall("x", lambda: read(0.01))
    watch.now += 0.1  # less than twenty times what it took
    assert notes.recall("x", lambda: read(0.01), at_once=True) == first
    watch.now += 0.2
    assert notes.recall("x", lambda: read(0.01), at_once=True) > first
