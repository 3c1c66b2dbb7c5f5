"""What a stream is made of, piece by piece: text, order, pace. No threads, no clock."""

from __future__ import annotations

import pytest

from api.events.stream import HEARTBEAT, OPENING, format_event
from api.http.prefer import parse_wait_seconds
from api.job_view.schemas import Progress, ScaleNow
from api.watch.job_diff import JobDiff
from api.watch.message import (
    CHECKPOINT,
    END,
    PREVIEW,
    PROGRESS,
    STATE,
    VERSION,
    Message,
)
from api.watch.reorder_buffer import GAP_EXPIRY_SECONDS, GAP_WAIT_SECONDS, ReorderBuffer
from api.watch.subscription import (
    MAX_PENDING_EVENTS,
    PROGRESS_INTERVAL_SECONDS,
    Outbox,
    SubscriptionFilter,
)
from shared.queries.events import JobEventRow, RunningJob
from shared.states import JobState


def line(seq):
    return JobEventRow(
        seq, "job_a", "own_a", "claim", None, JobState.RUNNING, 0.0, None, 1
    )


def seqs(lines):
    return [one.seq for one in lines]


def news(kind, job_id="job_a", data="{}", **more):
    return Message(kind, job_id, "own_a", data, **more)


def kinds(told):
    return [one.kind for one in told]


def test_an_event_has_its_name_its_id_and_its_data():
    assert (
        format_event("state", '{"a":1}', 7) == 'event: state\nid: 7\ndata: {"a":1}\n\n'
    )
    assert format_event("progress", "{}") == "event: progress\ndata: {}\n\n"


def test_a_heartbeat_is_a_comment_and_the_opening_says_when_to_come_back():
    assert HEARTBEAT.startswith(":")
    assert HEARTBEAT.endswith("\n")
    assert HEARTBEAT.count("\n") == 1
    assert OPENING == "retry: 3000\n"


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("wait=30", 30),
        ("respond-async, wait=10", 10),
        ("WAIT = 5 ; x=y", 5),
        ('wait="7"', 7),
        ("wait=600", 60),
        ("wait=0", 0),
        ("", 0),
        ("wait=-1", 0),
        ("wait=1.5", 0),
        ("await=9", 0),
        ("wait=99999999999999999999", 0),
    ],
)
def test_the_time_a_client_prefers_is_read_and_capped(prefer, seconds):
    assert parse_wait_seconds(prefer) == seconds


def test_lines_come_in_order_and_each_once():
    order = ReorderBuffer(10, (), now=0)

    assert seqs(order.add([line(11), line(12)], now=0)) == [11, 12]
    assert seqs(order.add([], now=1)) == []
    assert order.last == 12


def test_a_later_line_waits_a_moment_for_an_earlier_one_that_is_not_visible_yet():
    order = ReorderBuffer(10, (), now=0)

    assert seqs(order.add([line(11), line(13)], now=0)) == [11]
    assert order.missing == [12]
    assert seqs(order.add([line(12)], now=0.2)) == [12, 13]
    assert order.missing == []


def test_a_number_that_never_comes_holds_nothing_up_for_long():
    order = ReorderBuffer(10, (), now=0)

    assert seqs(order.add([line(12)], now=0)) == []
    assert seqs(order.add([], now=GAP_WAIT_SECONDS)) == [12]
    assert order.missing == [11]
    assert seqs(order.add([line(11)], now=GAP_WAIT_SECONDS + 5)) == [11]
    order.add([line(14)], now=100)
    order.add([], now=100 + GAP_EXPIRY_SECONDS)
    assert order.missing == []


def test_what_was_not_visible_at_the_start_is_told_when_it_comes():
    order = ReorderBuffer(10, (9,), now=-GAP_WAIT_SECONDS)

    assert seqs(order.add([line(11)], now=0)) == [11]
    assert seqs(order.add([line(9)], now=0.2)) == [9]


def test_of_progress_only_the_latest_is_sent_and_two_a_second_at_most():
    box = Outbox()
    box.put(news(PROGRESS, data="1"))
    box.put(news(PROGRESS, data="2"))

    assert [one.data for one in box.take(0)] == ["2"]
    box.put(news(PROGRESS, data="3"))
    assert box.take(PROGRESS_INTERVAL_SECONDS / 2) == []
    assert box.due_at() == PROGRESS_INTERVAL_SECONDS
    assert [one.data for one in box.take(PROGRESS_INTERVAL_SECONDS)] == ["3"]
    assert box.due_at() is None


def test_the_pace_of_one_job_is_not_that_of_another():
    box = Outbox()
    box.put(news(PROGRESS))
    box.take(0)
    box.put(news(PROGRESS, "job_b"))

    assert [one.job_id for one in box.take(0.1)] == ["job_b"]


def test_the_log_comes_first_in_its_order_and_nothing_of_the_moment_after_the_end():
    box = Outbox()
    box.put(news(PROGRESS))
    box.put(news(PREVIEW, "job_b"))
    for seq in (1, 2):
        box.put(news(STATE, seq=seq))
    box.put(news(END, seq=3))

    told = box.take(0)

    assert kinds(told) == [STATE, STATE, END, PREVIEW]
    assert [one.seq for one in told] == [1, 2, 3, None]


def test_a_reader_who_is_far_behind_is_noticed_and_memory_stays_bounded():
    box = Outbox()
    for seq in range(MAX_PENDING_EVENTS):
        box.put(news(STATE, seq=seq))
    assert not box.overflowed

    box.put(news(STATE, seq=MAX_PENDING_EVENTS))

    assert box.overflowed
    assert len(box.take(0)) == MAX_PENDING_EVENTS


def test_a_watch_sees_the_jobs_of_its_owner_that_were_named():
    mine = news(STATE, seq=1)

    assert SubscriptionFilter("own_a").matches(mine)
    assert SubscriptionFilter("own_a", frozenset({"job_a"})).matches(mine)
    assert not SubscriptionFilter("own_a", frozenset({"job_b"})).matches(mine)
    assert not SubscriptionFilter("own_b").matches(mine)
    assert not SubscriptionFilter("own_a").matches(news(VERSION))
    assert SubscriptionFilter("own_a", includes_versions=True).matches(news(VERSION))


def progress(row):
    done = row.progress["done"]
    scale = ScaleNow(index=0, count=1, width=None, height=None)
    return Progress(
        fraction=done, phase="optimizing", scale=scale, iteration=1, iterations=2,
        it_per_s=None, elapsed_s=None, eta_s=None, eta_at=None,
        eta_low_s=None, eta_high_s=None, losses={}, updated_at=None,
    )  # fmt: skip


def moving(version=1, done=None, checkpoint_iteration=0, frame=None):
    told = None if done is None else {"done": done}
    return RunningJob("job_a", "own_a", version, 1, JobState.RUNNING, 1, 2, None, told,
                  checkpoint_iteration, frame)  # fmt: skip


def test_what_moves_is_told_once_and_only_what_moved():
    differences = JobDiff(progress)

    assert kinds(differences.update([moving(done=0.1)])) == [VERSION, PROGRESS]
    assert differences.update([moving(done=0.1)]) == []
    assert kinds(differences.update([moving(done=0.2)])) == [PROGRESS]
    assert kinds(differences.update([moving(done=0.2, checkpoint_iteration=50)])) == [
        CHECKPOINT
    ]
    framed = moving(done=0.2, checkpoint_iteration=50, frame=(60, 8, 6))
    assert kinds(differences.update([framed])) == [PREVIEW]
    changed = moving(2, done=0.2, checkpoint_iteration=50, frame=(60, 8, 6))
    assert kinds(differences.update([changed])) == [VERSION]
