"""What is known of paces, and what follows for a job."""

from __future__ import annotations

import pytest

from shared.params.explore import ExploreParams
from shared.params.kinds import JobKind
from shared.params.style import StyleParams
from shared.workers.pace_table import (
    FIRST_DEVIATION,
    DurationRange,
    IterationTime,
    PaceTable,
    duration,
    method_of,
    scale_megapixels,
    size_class,
)

SMALL, LARGE = size_class(0.01), size_class(0.16)
TABLE = PaceTable({("cpu", "gram"): {SMALL: (4.0, 0.1), LARGE: (2.0, 0.2)}})


def test_an_iteration_takes_the_pace_of_its_size():
    small = TABLE.iteration_time("cpu", "gram", 0.01)
    large = TABLE.iteration_time("cpu", "gram", 0.16)

    assert (small.seconds, small.deviation) == (pytest.approx(0.04), 0.1)
    assert (large.seconds, large.deviation) == (pytest.approx(0.32), 0.2)


def test_a_size_that_was_not_measured_takes_the_nearest_with_more_doubt():
    time = TABLE.iteration_time("cpu", "gram", 1.0)

    assert (time.seconds, time.deviation) == (pytest.approx(2.0), FIRST_DEVIATION)


@pytest.mark.parametrize("key", [("cpu", "adam"), ("cuda", "gram")])
def test_of_another_method_or_worker_nothing_is_known(key):
    assert TABLE.iteration_time(*key, 0.01) is None


def test_a_job_takes_the_iterations_of_all_scales():
    times = [IterationTime(0.1, 0.0), IterationTime(1.0, 0.5)]

    assert duration(times, [20, 3]) == DurationRange(
        pytest.approx(5.0), pytest.approx(2.0 + 1.5), pytest.approx(2.0 + 6.0)
    )


def test_a_method_is_named_by_what_iterations_cost():
    params = StyleParams().model_dump()
    shallow = StyleParams(
        style_layers={"relu2_1": 1.0}, content_layers={"relu2_2": 1.0}
    )

    def method(document):
        return method_of(JobKind.STYLE, document)

    assert method(params) == "vgg16 lbfgs gram relu4_2"
    assert method(params | {"seed": 3, "style_weight": 2.0}) == method(params)
    assert method(shallow.model_dump()) == "vgg16 lbfgs gram relu2_2"
    assert method(params | {"optimizer": "adam"}) != method(params)
    assert method(params | {"tile_px": 128}).endswith("tile 128")


def test_the_method_of_an_exploration_is_its_network_and_deepest_layer():
    params = ExploreParams(network="vgg19", layers=("relu3_1", "relu4_2", "relu1_1"))

    for mode in ("python", "json"):
        document = params.model_dump(mode=mode)
        assert method_of(JobKind.EXPLORE, document) == "explore vgg19 relu4_2"


def test_sizes_of_scales_have_the_shape_of_the_photo():
    assert scale_megapixels([(128, 1), (512, 1)], 600, 400) == [
        pytest.approx(128 * 85 / 1e6),
        pytest.approx(512 * 341 / 1e6),
    ]
    assert scale_megapixels([(100, 1)], 40, 80) == [pytest.approx(0.005)]


def test_sizes_of_about_the_same_pixels_share_a_class():
    assert size_class(0.26) == size_class(512 * 512 / 1e6)
    assert size_class(0.26) != size_class(0.12)
