"""What an attempt obeys between two iterations, and in which order."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from shared.jobs.lease import HeartbeatReply
from shared.params.segments import Changes, Segment
from shared.states import JobState
from worker.attempts.style import Course, Interrupted
from worker.lease import Order, order_of

LAST = 5


@dataclass
class Iterate:
    """One iteration that is its own snapshot."""

    iteration: int

    def snapshot(self):
        return self


class Driven:
    """An engine of five iterations, and orders by iteration."""

    def __init__(self, orders=None, segments=()):
        self.orders, self.segments = orders or {}, segments
        self.begun = []

    def begin(self, here, segments):
        done = 0 if here is None else here.iteration
        self.begun.append((done, segments))
        return (Iterate(n) for n in range(done + 1, LAST + 1))

    def follow(self, here=None, known=()):
        course = Course(
            self.begin,
            lambda iterate: self.orders.pop(iterate.iteration, Order.GO_ON),
            lambda _iteration: self.segments,
        )
        ended, order = course.follow(here, known)
        return (None if ended is None else ended.iteration), order


def segment(iteration):
    return Segment(from_iteration=iteration, changes=Changes(style_weight=3))


def test_without_orders_every_iteration_is_done():
    assert Driven().follow() == (LAST, Order.GO_ON)


def test_nothing_left_to_do_is_an_end_too():
    assert Driven().follow(Iterate(LAST)) == (LAST, Order.GO_ON)


@pytest.mark.parametrize("order", [Order.STOP, Order.PAUSE, Order.LEAVE, Order.FINISH])
def test_an_order_ends_it_where_it_is(order):
    assert Driven({3: order}).follow() == (3, order)


def test_an_order_in_the_middle_of_an_iteration_leaves_the_one_before():
    def breaking_off(here, segments):
        yield Iterate(1)
        yield Iterate(2)
        raise Interrupted(Order.PAUSE)

    course = Course(breaking_off, lambda _iterate: Order.GO_ON, lambda _iteration: ())

    assert course.follow(None, ()) == (Iterate(2), Order.PAUSE)


def test_a_change_begins_the_engine_anew_with_all_that_is_known():
    driven = Driven({2: Order.STEER}, (segment(2),))

    assert driven.follow() == (LAST, Order.GO_ON)
    assert driven.begun == [(0, ()), (2, (segment(2),))]


def test_a_change_at_the_last_iteration_still_begins():
    """It may be one that adds iterations."""
    driven = Driven({LAST: Order.STEER}, (segment(LAST),))

    assert driven.follow() == (LAST, Order.GO_ON)
    assert len(driven.begun) == 2


@pytest.mark.parametrize("answer", [None, (segment(1),)])
def test_nothing_begins_anew_when_nothing_new_could_be_recorded(answer):
    driven = Driven({2: Order.STEER}, answer)

    assert driven.follow(known=(segment(1),)) == (LAST, Order.GO_ON)
    assert len(driven.begun) == 1


@pytest.mark.parametrize(
    ("told", "draining", "order"),
    [
        (HeartbeatReply(JobState.RUNNING), False, Order.GO_ON),
        (HeartbeatReply(JobState.RUNNING), True, Order.LEAVE),
        (
            HeartbeatReply(JobState.RUNNING, has_pending_segments=True),
            False,
            Order.STEER,
        ),
        (
            HeartbeatReply(JobState.RUNNING, has_pending_segments=True),
            True,
            Order.LEAVE,
        ),
        (
            HeartbeatReply(JobState.PAUSING, has_pending_segments=True),
            True,
            Order.PAUSE,
        ),
        (HeartbeatReply(JobState.PAUSING, finish_requested=True), True, Order.FINISH),
        (HeartbeatReply(JobState.CANCELING, finish_requested=True), True, Order.STOP),
    ],
)
def test_the_end_comes_first_then_the_picture_the_device_the_parameters(
    told, draining, order
):
    assert order_of(told, draining=draining) is order


def test_what_lets_go_and_what_keeps():
    assert {order for order in Order if order.lets_go} == {
        Order.PAUSE, Order.STOP, Order.LEAVE
    }  # fmt: skip
    assert {order for order in Order if order.keeps} == {Order.PAUSE, Order.LEAVE}
