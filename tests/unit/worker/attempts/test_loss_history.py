"""However long a run, its curve has a bounded number of points, evenly spread."""

from __future__ import annotations

import json
from itertools import pairwise
from types import SimpleNamespace

import pytest

from worker.attempts.loss_history import LossHistory


def iterate(iteration, total=1.0):
    losses = SimpleNamespace(total=total, content=0.25, style=0.5, tv=0.25)
    return SimpleNamespace(iteration=iteration, scale=0, losses=losses)


def iterations(curve):
    return [point[0] for point in curve.points]


def test_a_short_run_keeps_every_iteration():
    curve = LossHistory()
    for iteration in range(1, 101):
        curve.add(iterate(iteration))

    assert iterations(curve) == list(range(1, 101))
    assert curve.points[0] == [1, 0, 1.0, 0.25, 0.5, 0.25]


@pytest.mark.parametrize("count", [501, 999, 1000, 20_000])
def test_a_long_run_is_thinned_evenly_and_keeps_its_ends(count):
    curve = LossHistory()
    for iteration in range(1, count + 1):
        curve.add(iterate(iteration))

    kept = iterations(curve)
    assert len(kept) <= 501
    assert (kept[0], kept[-1]) == (1, count)
    gaps = [after - before for before, after in pairwise(kept[:-1])]
    assert max(gaps) <= 2 * count / 250
    assert len(json.dumps(curve.points)) < 40_000


def test_an_attempt_goes_on_from_where_it_resumes():
    first = LossHistory()
    for iteration in range(1, 11):
        first.add(iterate(iteration))

    again = LossHistory(first.points, until_iteration=7)
    again.add(iterate(8, total=9.0))

    assert iterations(again) == list(range(1, 9))
    assert again.points[-1][2] == 9.0


def test_what_is_no_number_is_none_and_the_others_are_short():
    curve = LossHistory()
    curve.add(iterate(1, total=float("nan")))
    curve.add(iterate(2, total=1 / 3))

    assert [point[2] for point in curve.points] == [None, 0.333333]


def test_nothing_has_no_points():
    assert LossHistory().points == []
    assert LossHistory([[5, 0, 1, 1, 1, 1]], until_iteration=0).points == []
