"""What an attempt obeys between two iterations, and in which order."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from shared.jobs.lease import HeartbeatReply
from shared.params.segments import Changes, Segment
from shared.states import JobState
from worker.attempts.style import AttemptInterrupted, IterationLoop
from worker.lease import Directive, choose_directive

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
        course = IterationLoop(
            self.begin,
            lambda iterate: self.orders.pop(iterate.iteration, Directive.CONTINUE),
            lambda _iteration: self.segments,
        )
        ended, order = course.run(here, known)
        return (None if ended is None else ended.iteration), order


def segment(iteration):
    return Segment(from_iteration=iteration, changes=Changes(style_weight=3))


def test_without_orders_every_iteration_is_done():
    assert Driven().follow() == (LAST, Directive.CONTINUE)


def test_nothing_left_to_do_is_an_end_too():
    assert Driven().follow(Iterate(LAST)) == (LAST, Directive.CONTINUE)


@pytest.mark.parametrize(
    "order", [Directive.CANCEL, Directive.PAUSE, Directive.DRAIN, Directive.FINISH]
)
def test_an_order_ends_it_where_it_is(order):
    assert Driven({3: order}).follow() == (3, order)


def test_an_order_in_the_middle_of_an_iteration_leaves_the_one_before():
    def breaking_off(here, segments):
        yield Iterate(1)
        yield Iterate(2)
        raise AttemptInterrupted(Directive.PAUSE)

    course = IterationLoop(
        breaking_off, lambda _iterate: Directive.CONTINUE, lambda _iteration: ()
    )

    assert course.run(None, ()) == (Iterate(2), Directive.PAUSE)


def test_a_change_begins_the_engine_anew_with_all_that_is_known():
    driven = Driven({2: Directive.STEER}, (segment(2),))

    assert driven.follow() == (LAST, Directive.CONTINUE)
    assert driven.begun == [(0, ()), (2, (segment(2),))]


def test_a_change_at_the_last_iteration_still_begins():
    """It may be one that adds iterations."""
    driven = Driven({LAST: Directive.STEER}, (segment(LAST),))

    assert driven.follow() == (LAST, Directive.CONTINUE)
    assert len(driven.begun) == 2


def test_nothing_begins_anew_when_nothing_new_was_recorded():
    driven = Driven({2: Directive.STEER}, (segment(1),))

    assert driven.follow(known=(segment(1),)) == (LAST, Directive.CONTINUE)
    assert len(driven.begun) == 1


@pytest.mark.parametrize(
    ("told", "draining", "order"),
    [
        (HeartbeatReply(JobState.RUNNING), False, Directive.CONTINUE),
        (HeartbeatReply(JobState.RUNNING), True, Directive.DRAIN),
        (
            HeartbeatReply(JobState.RUNNING, has_pending_segments=True),
            False,
            Directive.STEER,
        ),
        (
            HeartbeatReply(JobState.RUNNING, has_pending_segments=True),
            True,
            Directive.DRAIN,
        ),
        (
            HeartbeatReply(JobState.PAUSING, has_pending_segments=True),
            True,
            Directive.PAUSE,
        ),
        (
            HeartbeatReply(JobState.PAUSING, finish_requested=True),
            True,
            Directive.FINISH,
        ),
        (
            HeartbeatReply(JobState.CANCELING, finish_requested=True),
            True,
            Directive.CANCEL,
        ),
    ],
)
def test_the_end_comes_first_then_the_picture_the_device_the_parameters(
    told, draining, order
):
    assert choose_directive(told, draining=draining) is order


def test_what_lets_go_and_what_keeps():
    assert {order for order in Directive if order.ends_attempt} == {
        Directive.PAUSE, Directive.CANCEL, Directive.DRAIN
    }  # fmt: skip
    assert {order for order in Directive if order.resumes_later} == {
        Directive.PAUSE,
        Directive.DRAIN,
    }
