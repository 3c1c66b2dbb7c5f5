"""What an exploration is expected to take, from what is known."""

from __future__ import annotations

import pytest

from shared.exploring import ExploreParams
from shared.look_pacing import ASSUMED_DEVIATION, look_costs, look_method, look_size
from shared.pacing import UNKNOWN_DEVIATION, Curve, Paces, Point, Step


def paces(step, seconds, *, is_own=False, deviation=0.1):
    point = Point(look_size(100), seconds, deviation, samples=3)
    save = Curve(Step.SAVE, (Point(look_size(100) * 10, 4.0),))
    return Paces({step: Curve(step, (point,)), Step.SAVE: save}, is_own)


def test_every_picture_takes_what_pictures_took():
    costs = look_costs(paces(Step.LOOK, 0.5, is_own=True), 100, 10)

    assert costs.total([10]).seconds == pytest.approx(10 * 0.5 + 4.0)
    assert costs.total([3]).seconds == pytest.approx(3 * 0.5 + 4.0)
    assert costs.deviation == 0.1


def test_larger_pictures_take_longer_by_their_pixels():
    costs = look_costs(paces(Step.LOOK, 0.5, is_own=True), 200, 10)

    assert costs.scales[0].iteration == pytest.approx(4 * 0.5)


def test_sheets_of_more_pictures_take_longer():
    known = paces(Step.LOOK, 0.5, is_own=True)

    assert look_costs(known, 100, 40).save == pytest.approx(2 * 4.0)


def test_where_nobody_has_explored_like_this_the_range_is_wider():
    other = look_costs(paces(Step.LOOK, 0.5), 100, 10)
    style = look_costs(paces(Step.ITERATION, 0.5), 100, 10)

    assert other.deviation == UNKNOWN_DEVIATION
    assert style.deviation == ASSUMED_DEVIATION
    assert style.scales == other.scales


def test_where_nothing_was_measured_nothing_is_foretold():
    assert look_costs(Paces(), 100, 10) is None


def test_a_method_is_named_by_its_network_and_deepest_layer():
    params = ExploreParams(network="vgg19", layers=("relu3_1", "relu4_2", "relu1_1"))

    assert look_method(params.model_dump()) == "explore vgg19 relu4_2"
    assert look_method(params.model_dump(mode="json")) == "explore vgg19 relu4_2"
