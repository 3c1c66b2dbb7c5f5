"""What an exploration is expected to take, from what is known.

What is known of paces, and what follows for a job.
"""

from __future__ import annotations

import math

import pytest

from shared.forecast.pace_model import (
    ASSUMED_DEVIATION,
    UNMEASURED_DEVIATION,
    CurvePoint,
    DurationRange,
    PaceCurve,
    PaceModel,
    PaceStep,
    explore_cost,
    explore_megapixels,
    explore_method,
    scale_megapixels,
    size_class,
    style_method,
)
from shared.params.explore import ExploreParams
from shared.params.style import StyleParams


def paces(step, seconds, *, is_own=False, deviation=0.1):
    point = CurvePoint(explore_megapixels(100), seconds, deviation, samples=3)
    save = PaceCurve(PaceStep.SAVE, (CurvePoint(explore_megapixels(100) * 10, 4.0),))
    return PaceModel({step: PaceCurve(step, (point,)), PaceStep.SAVE: save}, is_own)


def test_every_picture_takes_what_pictures_took():
    costs = explore_cost(paces(PaceStep.PICTURE, 0.5, is_own=True), 100, 10)

    assert costs.duration([10]).seconds == pytest.approx(10 * 0.5 + 4.0)
    assert costs.duration([3]).seconds == pytest.approx(3 * 0.5 + 4.0)
    assert costs.deviation == 0.1


def test_larger_pictures_take_longer_by_their_pixels():
    costs = explore_cost(paces(PaceStep.PICTURE, 0.5, is_own=True), 200, 10)

    assert costs.scales[0].iteration_seconds == pytest.approx(4 * 0.5)


def test_sheets_of_more_pictures_take_longer():
    known = paces(PaceStep.PICTURE, 0.5, is_own=True)

    assert explore_cost(known, 100, 40).save_seconds == pytest.approx(2 * 4.0)


def test_where_nobody_has_explored_like_this_the_range_is_wider():
    other = explore_cost(paces(PaceStep.PICTURE, 0.5), 100, 10)
    style = explore_cost(paces(PaceStep.ITERATION, 0.5), 100, 10)

    assert other.deviation == UNMEASURED_DEVIATION
    assert style.deviation == ASSUMED_DEVIATION
    assert style.scales == other.scales


def test_where_nothing_was_measured_nothing_is_foretold():
    assert explore_cost(PaceModel(), 100, 10) is None


def test_a_method_is_named_by_its_network_and_deepest_layer():
    params = ExploreParams(network="vgg19", layers=("relu3_1", "relu4_2", "relu1_1"))

    assert explore_method(params.model_dump()) == "explore vgg19 relu4_2"
    assert explore_method(params.model_dump(mode="json")) == "explore vgg19 relu4_2"


def curve(*points, step=PaceStep.ITERATION):
    return PaceCurve(step, tuple(CurvePoint(*each) for each in points))


def test_between_two_sizes_the_time_follows_a_power_law():
    measured = curve((0.01, 0.1), (0.16, 0.8))  # 16 times the pixels, 8 times the time

    assert measured.seconds(0.01) == pytest.approx(0.1)
    assert measured.seconds(0.04) == pytest.approx(0.1 * 8**0.5)
    assert measured.seconds(0.16) == pytest.approx(0.8)


def test_tiles_may_make_larger_sizes_dearer_than_their_pixels():
    measured = curve((1.0, 2.0), (4.0, 24.0))

    assert measured.seconds(2.0) == pytest.approx(2.0 * 12**0.5)


def test_beyond_what_was_measured_an_iteration_costs_its_pixels_at_most():
    steep = curve((0.01, 0.1), (0.02, 0.9))

    assert steep.seconds(0.04) == pytest.approx(1.8)
    assert steep.seconds(0.005) == pytest.approx(0.05)


def test_one_size_alone_stands_for_all():
    assert curve((0.01, 0.1)).seconds(0.05) == pytest.approx(0.5)
    assert curve((0.01, 0.2), step=PaceStep.SAVE).seconds(0.04) == pytest.approx(0.4)


def test_a_size_far_from_all_others_is_less_certain():
    measured = curve((0.01, 0.1, 0.05), (0.04, 0.3, 0.1))

    assert measured.deviation(0.011) == 0.05
    assert measured.deviation(0.05) == 0.1
    assert measured.deviation(1.0) > 0.3


def test_the_first_job_replaces_what_the_start_measured():
    point = CurvePoint(0.01, 1.0).averaged_with(0.01, 3.0)

    assert (point.seconds, point.samples) == (pytest.approx(3.0), 1)


def test_later_jobs_are_averaged_and_old_ones_fade():
    point = CurvePoint(0.01, 1.0, samples=1)
    assert point.averaged_with(0.01, 4.0).seconds == pytest.approx(
        2.0
    )  # the geometric mean

    for _ in range(20):
        point = point.averaged_with(0.01, 4.0)
    assert point.seconds == pytest.approx(4.0, rel=0.01)
    assert point.deviation < 0.05


def test_what_misses_by_much_widens_the_range():
    steady = CurvePoint(0.01, 1.0, deviation=0.05, samples=9).averaged_with(0.01, 1.0)
    surprised = CurvePoint(0.01, 1.0, deviation=0.05, samples=9).averaged_with(
        0.01, 2.0
    )

    assert steady.deviation < 0.05 < surprised.deviation


def test_a_job_takes_its_iterations_its_targets_and_its_ends():
    paces = PaceModel(
        {
            PaceStep.ITERATION: curve((0.01, 0.1, 0.1), (0.04, 0.4, 0.1)),
            PaceStep.TARGETS: curve((0.01, 0.2), (0.04, 0.8), step=PaceStep.TARGETS),
            PaceStep.LOAD: curve((0.04, 1.0), step=PaceStep.LOAD),
            PaceStep.SAVE: curve((0.04, 2.0), step=PaceStep.SAVE),
        },
        is_same_method=True,
    )

    span = paces.job_cost([(0.01, 100), (0.04, 50)]).duration([100, 50])

    assert span.seconds == pytest.approx(1 + 10 + 0.2 + 20 + 0.8 + 2)
    assert span.low == pytest.approx(span.seconds / math.exp(0.2))
    assert span.high == pytest.approx(span.seconds * math.exp(0.2))


def test_a_job_that_goes_on_pays_only_for_the_scales_that_are_left():
    paces = PaceModel(
        {PaceStep.ITERATION: curve((0.01, 0.1), (0.04, 0.4))}, is_same_method=True
    )

    assert paces.job_cost([(0.01, 0), (0.04, 5)]).duration(
        [0, 5]
    ).seconds == pytest.approx(2)


def test_paces_of_another_method_are_taken_with_more_doubt():
    points = {PaceStep.ITERATION: curve((0.01, 0.1, 0.05))}

    own, other = (
        PaceModel(points, is_same_method=own).job_cost([(0.01, 9)]).duration([9])
        for own in (True, False)
    )

    assert own.seconds == other.seconds
    assert other.high - other.low > own.high - own.low


def test_without_any_measurement_nothing_is_foretold():
    assert PaceModel().job_cost([(0.01, 10)]) is None


def test_no_range_is_narrower_than_what_machines_vary_by():
    span = DurationRange.from_deviation(100.0, 0.0)

    assert span.low < 95
    assert span.high > 105


def test_a_method_is_named_by_what_iterations_cost():
    params = StyleParams().model_dump()
    shallow = StyleParams(
        style_layers={"relu2_1": 1.0}, content_layers={"relu2_2": 1.0}
    )

    assert style_method(params) == "vgg16 lbfgs gram relu4_2"
    assert style_method(params | {"seed": 3, "style_weight": 2.0}) == style_method(
        params
    )
    assert style_method(shallow.model_dump()) == "vgg16 lbfgs gram relu2_2"
    assert style_method(params | {"optimizer": "adam"}) != style_method(params)
    assert style_method(params | {"tile_px": 128}).endswith("tile 128")


def test_sizes_of_scales_have_the_shape_of_the_photo():
    assert scale_megapixels([(128, 1), (512, 1)], 600, 400) == [
        pytest.approx(128 * 85 / 1e6),
        pytest.approx(512 * 341 / 1e6),
    ]
    assert scale_megapixels([(100, 1)], 40, 80) == [pytest.approx(0.005)]


def test_sizes_of_about_the_same_pixels_share_a_class():
    assert size_class(0.26) == size_class(512 * 512 / 1e6)
    assert size_class(0.26) != size_class(0.06)
