"""Extras come at their interval, or seldom enough to stay under half a percent."""

from __future__ import annotations

import pytest

from worker.attempts.throttle import Throttle


def test_the_first_comes_at_once_or_after_one_interval(clock):
    assert Throttle(10, clock, first_is_due=True).is_due()
    later = Throttle(10, clock, first_is_due=False)
    assert not later.is_due()
    clock.advance(10)
    assert later.is_due()


@pytest.mark.parametrize(("cost", "rest"), [(0.01, 10), (0.5, 100)])
def test_a_costly_one_makes_the_next_wait_two_hundred_times_as_long(clock, cost, rest):
    pace = Throttle(10, clock, first_is_due=True)
    with pace.measure():
        clock.advance(cost)

    clock.advance(rest - 0.001)
    assert not pace.is_due()
    clock.advance(0.002)
    assert pace.is_due()
